/** One program under test, all the rows that were asked for, scored. */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../support/free-port.ts";
import type { Program } from "./catalogue/program.ts";
import type { Leaves } from "./leaves.ts";
import { Driver, waitForPort } from "./load.ts";
import { callSuffixes, type Row } from "./rows.ts";
import { type Expectation, expectedSpans, scoreSpans } from "./score.ts";
import { stop } from "./stop.ts";
import type { Result } from "./table.ts";
import { Tracer } from "./tracer.ts";

const START_MS = 120_000;
const KNOWN_MS = 1000;
const AFTERWARDS_MS = 1500;
let nextRun = 0;

interface Run {
  readonly row: Row;
  readonly failed: number;
  readonly expectation: Expectation;
}

export interface RunOptions {
  readonly leaves: Leaves;
  readonly settings: readonly string[];
  /** Leave the folders with configuration, spans and log. */
  readonly keep: boolean;
}

export async function runProgram(program: Program, rows: readonly Row[], options: RunOptions): Promise<Result[]> {
  const results: Result[] = [];
  const watched = rows.filter((row) => row.start !== "attach");
  if (watched.length > 0) {
    const found = await traced(program, options, async () => {
      const runs: Run[] = [];
      for (const group of startGroups(watched)) {
        await started(program, group[0]!.pool, options, async (driver) => {
          // Its first moments are what `first 5` measures.
          if (group[0]!.start === "shared") await sleep(KNOWN_MS);
          for (const row of group) runs.push(await driveRow(program, driver, row));
        });
      }
      return runs;
    });
    results.push(...found);
  }
  for (const row of rows) {
    if (row.start !== "attach") continue;
    await started(program, row.pool, options, async (driver) => {
      await driver.drive({ ...row, prefix: "warm", requests: row.inFlight * 4, query: row.query });
      results.push(...(await traced(program, options, async () => [await driveRow(program, driver, row)])));
    });
  }
  return rows.flatMap((row) => results.filter((result) => result.row === row));
}

/** Rows that share one start of the program. */
function startGroups(rows: readonly Row[]): Row[][] {
  const fresh = rows.filter((row) => row.start === "fresh").map((row) => [row]);
  const byPool = new Map<number, Row[]>();
  for (const row of rows) {
    if (row.start === "fresh") continue;
    const group = byPool.get(row.pool);
    if (group !== undefined) group.push(row);
    else byPool.set(row.pool, [row]);
  }
  return [...fresh, ...byPool.values()];
}

/** With sockspan running from before `drive` until everything of it has been exported. */
async function traced(program: Program, options: RunOptions, drive: () => Promise<Run[]>): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), `sockspan-truth-${program.name}-`));
  const tracer = await Tracer.start(folder, options.settings);
  let runs: Run[];
  try {
    runs = await drive();
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

async function started(
  program: Program,
  pool: number,
  options: RunOptions,
  use: (driver: Driver) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const child = program.start(port, await options.leaves.urlOf(program.leaf ?? "http"), pool);
  const driver = new Driver(port);
  try {
    await Promise.race([waitForPort(port, START_MS), failOnExit(program, child)]);
    await use(driver);
  } finally {
    driver.close();
    await stop(child);
  }
}

async function driveRow(program: Program, driver: Driver, row: Row): Promise<Run> {
  const prefix = `t${nextRun++}r`;
  const { requests, inFlight, pipelined } = row;
  const attempts = row.attempts * (program.exchanges ?? 1);
  const failed = await driver.drive({ prefix, requests, inFlight, pipelined, query: row.query });
  // Calls that nobody waits for: the program is not to be stopped under them.
  if (row.needs.includes("after")) await sleep(AFTERWARDS_MS);
  return { row, failed, expectation: { prefix, requests, calls: callSuffixes(program, row), attempts } };
}

/** Rejects when the program ends before it listens; never resolves. */
function failOnExit(program: Program, child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    child.once("exit", (code) => reject(new Error(`${program.name} ended with code ${code} before it listened`)));
  });
}
