/** `npm run truth [-- --programs a,b] [--concurrency 64] [--write]`: measures how true the parents are. */
import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { drive, waitForPort } from "./load.ts";
import { type Program, programs, startLeaf } from "./programs.ts";
import { canRun, type Row, rowsWithAmplePool, rowsWithSmallPool } from "./rows.ts";
import { type JsonSpan, scoreSpans } from "./score.ts";
import { printTable, type Result, tableOf } from "./table.ts";

const ROOT = join(import.meta.dirname, "../../..");
const FIRST_PORT = 21_000;

interface Run {
  readonly program: string;
  readonly row: Row;
  readonly prefix: string;
  readonly failed: number;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await exited;
  clearTimeout(timer);
}

async function startSockspan(folder: string, extra: readonly string[]): Promise<ChildProcess> {
  const config = join(folder, "config.yaml");
  const ready = join(folder, "ready");
  writeFileSync(
    config,
    `receivers: {socket_trace: {}}
exporters: {file: {path: ${join(folder, "spans.jsonl")}}}
service: {pipelines: {traces: {receivers: [socket_trace], exporters: [file]}}}
`,
  );
  const child = spawn(join(ROOT, "bin/sockspan"), ["run", "--config", config, "--ready-file", ready, ...extra], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (let waited = 0; !existsSync(ready); waited += 100) {
    if (child.exitCode !== null || waited > 30_000) throw new Error("sockspan did not become ready");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return child;
}

let nextPort = FIRST_PORT;
let nextRun = 0;

/** Rejects when the program ends before it listens; never resolves. */
function failOnExit(program: Program, child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    child.once("exit", (code) => reject(new Error(`${program.name} ended with code ${code} before it listened`)));
  });
}

async function runRows(program: Program, leaf: string, rows: readonly Row[]): Promise<Run[]> {
  const port = nextPort++;
  const child = program.start(port, leaf, rows[0]?.pool ?? 256);
  const runs: Run[] = [];
  try {
    await Promise.race([waitForPort(port, 60_000), failOnExit(program, child)]);
    for (const row of rows) {
      const prefix = `t${nextRun++}r`;
      const failed = await drive({
        port,
        prefix,
        query: row.query,
        requests: row.requests,
        concurrency: row.concurrency,
      });
      runs.push({ program: program.name, row, prefix, failed });
    }
  } finally {
    await stop(child);
  }
  return runs;
}

async function readSpans(file: string): Promise<JsonSpan[]> {
  const spans: JsonSpan[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line === "") continue;
    for (const resource of JSON.parse(line).resourceSpans)
      for (const scope of resource.scopeSpans) spans.push(...scope.spans);
  }
  return spans;
}

function score(runs: readonly Run[], spans: readonly JsonSpan[]): Result[] {
  const byRun = new Map<string, JsonSpan[]>();
  for (const span of spans) {
    const url = span.attributes?.find(({ key }) => key === "url.path" || key === "url.full")?.value.stringValue ?? "";
    const prefix = /\/h\/(t\d+r)/.exec(url)?.[1];
    if (prefix === undefined) continue;
    const list = byRun.get(prefix);
    if (list === undefined) byRun.set(prefix, [span]);
    else list.push(span);
  }
  return runs.map(({ program, row, prefix, failed }) => {
    const expectation = { prefix, requests: row.requests, callsPerRequest: row.callsPerRequest };
    return { program, row, failed, expectation, score: scoreSpans(byRun.get(prefix) ?? [], expectation) };
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      programs: { type: "string" },
      concurrency: { type: "string" },
      write: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      set: { type: "string", multiple: true, default: [] },
    },
  });
  const wanted = values.programs?.split(",");
  const concurrency = values.concurrency === undefined ? undefined : Number(values.concurrency);
  const folder = mkdtempSync(join(tmpdir(), "sockspan-truth-"));
  const skipped: string[] = [];
  const broken: string[] = [];
  const runs: Run[] = [];
  const leafPort = nextPort++;
  const leaf = startLeaf(leafPort);
  const sockspan = await startSockspan(
    folder,
    values.set.flatMap((setting) => ["--set", setting]),
  );
  try {
    await waitForPort(leafPort, 10_000);
    for (const program of programs()) {
      if (wanted !== undefined && !wanted.includes(program.name)) continue;
      const missing = program.missing();
      if (missing !== undefined) {
        skipped.push(`${program.name}: ${missing}`);
        continue;
      }
      say(`running ${program.name}`);
      for (const rows of [rowsWithAmplePool(), rowsWithSmallPool()]) {
        const here = rows.filter(
          (row) => canRun(program.name, row) && (concurrency ?? row.concurrency) === row.concurrency,
        );
        if (here.length === 0) continue;
        try {
          runs.push(...(await runRows(program, `http://127.0.0.1:${leafPort}`, here)));
        } catch (error) {
          broken.push(`${program.name}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    }
    // What is still being settled leaves by itself, as for a user; SIGTERM would force it.
    await new Promise((resolve) => setTimeout(resolve, 7_000));
  } finally {
    await stop(sockspan);
    await stop(leaf);
  }
  const results = score(runs, await readSpans(join(folder, "spans.jsonl")));
  process.stdout.write(printTable(results));
  for (const reason of skipped) process.stdout.write(`skipped ${reason}\n`);
  for (const reason of broken) process.stdout.write(`FAILED ${reason}\n`);
  if (values.write) writeFileSync(join(ROOT, "docs/truth.md"), tableOf(results, skipped));
  if (!values.keep) rmSync(folder, { recursive: true });
  else say(`spans kept in ${folder}`);
  return results.some((result) => result.score.wrong + result.score.exchangesWrong > result.score.right * 0.001)
    ? 1
    : 0;
}

process.exitCode = await main();
