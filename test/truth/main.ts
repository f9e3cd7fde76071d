/** `npm run truth`: measures how true the parents are. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CATALOGUE } from "./catalogue/catalogue.ts";
import { Leaves } from "./leaves.ts";
import { allRows, canRun } from "./rows.ts";
import { runProgram } from "./run-program.ts";
import { parseSelection, USAGE, wantsProgram, wantsRow } from "./selection.ts";
import { findings, printTable, type Result, tableOf } from "./table.ts";

const ROOT = join(import.meta.dirname, "../../..");

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function main(): Promise<number> {
  const selection = parseSelection(process.argv.slice(2));
  const wanted = CATALOGUE.filter((program) => wantsProgram(selection, program.name));
  const rows = allRows().filter((row) => wantsRow(selection, row));
  if (selection.list || wanted.length === 0 || rows.length === 0) {
    say(`${USAGE}\nprograms: ${CATALOGUE.map((program) => program.name).join(" ")}`);
    say(`shapes: ${[...new Set(allRows().map((row) => row.shape))].join(", ")}`);
    return selection.list ? 0 : 2;
  }
  const results: Result[] = [];
  const skipped: string[] = [];
  const broken: string[] = [];
  const leaves = await Leaves.create();
  try {
    for (const program of wanted) {
      const missing = program.missing();
      if (missing !== undefined) {
        skipped.push(`${program.name}: ${missing}`);
        continue;
      }
      const here = rows.filter((row) => canRun(program, row));
      for (const [shape, reason] of Object.entries(program.lacks ?? {})) {
        if (rows.some((row) => row.shape === shape)) skipped.push(`${program.name}, ${shape}: ${reason}`);
      }
      if (here.length === 0) continue;
      say(`running ${program.name}: ${here.length} rows`);
      const startedMs = Date.now();
      try {
        const found = await runProgram(program, here, { ...selection, leaves });
        results.push(...found);
        process.stdout.write(`${printTable(found)}${findings(found, selection)}`);
        say(`${program.name} took ${Math.round((Date.now() - startedMs) / 1000)} s`);
      } catch (error) {
        broken.push(`${program.name}: ${error instanceof Error ? error.message : String(error)}`);
        say(`FAILED ${broken.at(-1)}`);
      }
    }
  } finally {
    await leaves.stop();
  }
  for (const reason of skipped) process.stdout.write(`skipped ${reason}\n`);
  for (const reason of broken) process.stdout.write(`FAILED ${reason}\n`);
  if (selection.write) writeFileSync(join(ROOT, "docs/truth.md"), tableOf(results, [...skipped, ...broken]));
  const isWrong = results.some(({ score }) => score.wrong + score.exchangesWrong > score.right * 0.001);
  return isWrong || broken.length > 0 ? 1 : 0;
}

// The first process of a pid namespace gets no signal that it does not ask for; when it ends, all in there do.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(1));
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"))) throw error;
  say(`${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
