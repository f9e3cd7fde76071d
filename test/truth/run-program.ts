/** One program under test, all the rows that were asked for, scored. */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import { drive, waitForPort } from "./load.ts";
import type { Program } from "./programs.ts";
import type { Row } from "./rows.ts";
import { type Expectation, expectedSpans, scoreSpans } from "./score.ts";
import { stop } from "./stop.ts";
import type { Result } from "./table.ts";
import { Tracer } from "./tracer.ts";

const START_MS = 60_000;
let nextRun = 0;

interface Run {
  readonly row: Row;
  readonly failed: number;
  readonly expectation: Expectation;
}

export interface RunOptions {
  readonly leafPort: number;
  readonly settings: readonly string[];
  /** Leave the folder with configuration and spans. */
  readonly keep: boolean;
}

export async function runProgram(program: Program, rows: readonly Row[], options: RunOptions): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), `sockspan-truth-${program.name}-`));
  const tracer = await Tracer.start(folder, options.settings);
  const runs: Run[] = [];
  try {
    for (const group of startGroups(rows)) runs.push(...(await runGroup(program, group, options.leafPort)));
    await tracer.settled(new Map(runs.map(({ expectation }) => [expectation.prefix, expectedSpans(expectation)])));
  } finally {
    await tracer.stop();
    if (options.keep) process.stderr.write(`spans of ${program.name} kept in ${folder}\n`);
    else rmSync(folder, { recursive: true });
  }
  return runs.map((run) => ({
    ...run,
    program: program.name,
    score: scoreSpans(tracer.spansOf(run.expectation.prefix), run.expectation),
  }));
}

/** Rows that share one start of the program. */
function startGroups(rows: readonly Row[]): Row[][] {
  const fresh = rows.filter((row) => row.isFresh).map((row) => [row]);
  const byPool = new Map<number, Row[]>();
  for (const row of rows) {
    if (row.isFresh) continue;
    const group = byPool.get(row.pool);
    if (group !== undefined) group.push(row);
    else byPool.set(row.pool, [row]);
  }
  return [...fresh, ...byPool.values()];
}

async function runGroup(program: Program, rows: readonly Row[], leafPort: number): Promise<Run[]> {
  const port = await freePort();
  const child = program.start(port, `http://127.0.0.1:${leafPort}`, rows[0]!.pool);
  const runs: Run[] = [];
  try {
    await Promise.race([waitForPort(port, START_MS), failOnExit(program, child)]);
    for (const row of rows) {
      const prefix = `t${nextRun++}r`;
      const { query, requests, inFlight: concurrency } = row;
      const failed = await drive({ port, prefix, query, requests, concurrency });
      runs.push({ row, failed, expectation: { prefix, requests, callsPerRequest: row.callsPerRequest } });
    }
  } finally {
    await stop(child);
  }
  return runs;
}

/** Rejects when the program ends before it listens; never resolves. */
function failOnExit(program: Program, child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    child.once("exit", (code) => reject(new Error(`${program.name} ended with code ${code} before it listened`)));
  });
}
