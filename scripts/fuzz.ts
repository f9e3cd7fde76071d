/**
 * Feeds every protocol with damaged dialogues, and the readers of symbols with damaged files, until it is told to stop:
 * `npm run fuzz -- [SECONDS] [SEED]`. A failure prints the seed; nothing may throw, hang, or lose a byte from the account.
 */
import { loadDialogues } from "../test/support/dialogue.ts";
import { fuzzOnce } from "../test/support/fuzz.ts";
import { fuzzSymbolsOnce, loadSymbolSeeds } from "../test/support/fuzz-symbols.ts";

/** Of ten runs, how many are of symbols. */
const SYMBOL_RUNS = 3;

const seconds = Number(process.argv[2] ?? 60);
const dialogues = loadDialogues();
const symbols = await loadSymbolSeeds();
let seed = Number(process.argv[3] ?? Date.now() % 2147483647);
const endMs = Date.now() + seconds * 1000;
let runs = 0;
let slowestMs = 0;
while (Date.now() < endMs) {
  const start = process.cpuUsage();
  try {
    if (seed % 10 < SYMBOL_RUNS) await fuzzSymbolsOnce(symbols, seed);
    else fuzzOnce(dialogues, seed);
  } catch (error) {
    process.stderr.write(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  }
  slowestMs = Math.max(slowestMs, process.cpuUsage(start).user / 1000);
  runs++;
  seed = (seed + 1) % 2147483647;
}
process.stdout.write(`${runs} runs, none failed; the slowest took ${slowestMs.toFixed(1)} ms of processor time\n`);
