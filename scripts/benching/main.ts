/**
 * Runs the benches that the arguments name. A bench is a program in bench/ that prints one JSON object on stdout:
 * `{ "bench": NAME, "result": { CANDIDATE: { FIGURE: number } }, ... }`.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { WORKER_NODE_ARGUMENTS } from "../../src/service/worker-arguments.ts";
import { machineFacts } from "./machine-facts.ts";
import { type Figures, formatTable } from "./table.ts";

interface BenchOutput {
  readonly bench: string;
  readonly result: Readonly<Record<string, Figures>>;
}

/** A bench that cannot run here (no root, no nginx) says why on stderr and ends with this. */
const EXIT_SKIPPED = 77;
const NODE_ARGUMENTS = ["--enable-source-maps", "--expose-gc", ...WORKER_NODE_ARGUMENTS];
const BUILT = "build/bench";
const RESULTS = "bench/results";

const all = readdirSync(BUILT)
  .filter((name) => name.endsWith(".js"))
  .map((name) => name.slice(0, -".js".length));
const names = process.argv.length > 2 ? process.argv.slice(2) : all;
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no such bench: ${unknown.join(", ")}; there are ${all.join(", ")}\n`);
  process.exit(2);
}

mkdirSync(RESULTS, { recursive: true });
let failures = 0;
for (const name of names) failures += (await runBench(name)) ? 0 : 1;
process.exit(failures > 0 ? 1 : 0);

async function runBench(name: string): Promise<boolean> {
  const machine = machineFacts();
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, `${BUILT}/${name}.js`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (code === EXIT_SKIPPED) {
    process.stdout.write(`${name}: skipped\n`);
    return true;
  }
  if (code !== 0) {
    process.stdout.write(`${name}: failed (${code})\n${output}`);
    return false;
  }
  const measured: BenchOutput = JSON.parse(output);
  writeFileSync(`${RESULTS}/${name}.json`, `${JSON.stringify({ machine, ...measured }, null, 2)}\n`);
  const { cores, cpu, kernel, node, loadBefore } = machine;
  process.stdout.write(`${name} (${cores} x ${cpu}, Linux ${kernel}, Node ${node}, load before ${loadBefore})\n`);
  process.stdout.write(`${formatTable(measured.result)}\n\n`);
  return true;
}
