/**
 * How long after its exec a process's units of work are known to the BPF programs: programs start one after the other, then
 * all at once, and one after the other again while nginx serves as much as the host can carry. What a program takes to start its
 * own runtime is a part of it: no plan can stand before.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startNginx } from "../test/support/nginx.ts";
import { Program } from "../test/support/program.ts";
import { Scratch } from "../test/support/scratch.ts";
import { Sockspan } from "../test/support/sockspan.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 15);
const LIMIT_MS = 3000;
const LOAD_PER_SECOND = Number(process.env["BENCH_LOAD"] ?? 8000);
const LOAD_CONNECTIONS = 64;
const LOAD_SECONDS = 3600;
const GO_PROGRAM = ".cache/truth/truth-go";
const TOKIO_PROGRAM = ".cache/truth/rust/release/truth";
/** Say nothing when they could serve. */
const SILENT: readonly string[] = [GO_PROGRAM, TOKIO_PROGRAM];

/** Each but the silent ones prints a line when it could serve; they stay until they are ended. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  CPython: ["python3", "-c", "import asyncio, time; print('up', flush=True); time.sleep(60)"],
  Node: [process.execPath, "-e", "require('http'); console.log('up'); setTimeout(() => {}, 60000)"],
  Ruby: ["ruby", "-e", "STDOUT.sync = true; require 'socket'; puts 'up'; sleep 60"],
  Go: ["env", "PORT=0", GO_PROGRAM],
  tokio: ["env", "PORT=0", "NEXT=http://127.0.0.1:9", TOKIO_PROGRAM],
};

interface Started {
  readonly startedMs: number;
  /** undefined: it prints nothing, as Go's does. */
  readonly upMs: number | undefined;
  readonly knownMs: number | undefined;
}

const scratch = await Scratch.create();
try {
  const sockspan = await Sockspan.start(scratch, {
    withoutFile: true,
    exporters: { file: `{ path: ${scratch.path("spans.jsonl")} }` },
    args: ["--set", "service.telemetry.logs.level=debug", "--set", "service.telemetry.logs.encoding=json"],
  });
  // What is there already is looked at first.
  await sleep(LIMIT_MS);
  const result: Record<string, Record<string, number>> = {};
  const programs = Object.entries(PROGRAMS).filter(([name, command]) => {
    const absent = missingOf(command);
    if (absent !== undefined) process.stderr.write(`attach: no ${absent}: ${name} left out\n`);
    return absent === undefined;
  });
  for (const [name, command] of programs) {
    const alone = await startEach(sockspan, command);
    const together = await Promise.all(Array.from({ length: ROUNDS }, () => start(sockspan, command)));
    result[`${name}, one by one`] = figuresOf(alone);
    result[`${name}, ${ROUNDS} at once`] = figuresOf(together);
  }
  await serve(scratch);
  for (const [name, command] of programs) result[`${name}, under load`] = figuresOf(await startEach(sockspan, command));
  process.stdout.write(`${JSON.stringify({ bench: "attach", rounds: ROUNDS, result }, null, 2)}\n`);
} finally {
  await scratch.cleanUp();
}

function missingOf(command: readonly string[]): string | undefined {
  const program = command.find((word) => word !== "env" && !word.includes("=")) ?? "";
  return existsSync(program) || spawnSync("which", [program]).status === 0 ? undefined : program;
}

/** nginx and its client, from now on. */
async function serve(scratch: Scratch): Promise<void> {
  const nginx = await startNginx(scratch);
  const client = fileURLToPath(new URL("programs/paced-client.js", import.meta.url));
  const load = [nginx.port, LOAD_PER_SECOND, LOAD_SECONDS, LOAD_CONNECTIONS].map(String);
  scratch.keep(await Program.start([process.execPath, client, ...load, "/return/attach"]));
  await sleep(LIMIT_MS);
}

async function startEach(sockspan: Sockspan, command: readonly string[]): Promise<Started[]> {
  const started: Started[] = [];
  for (let round = 0; round < ROUNDS; round++) started.push(await start(sockspan, command));
  return started;
}

async function start(sockspan: Sockspan, command: readonly string[]): Promise<Started> {
  const startedMs = Date.now();
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "ignore"] });
  let upMs: number | undefined;
  child.stdout.once("data", () => {
    upMs = Date.now();
  });
  let knownMs: number | undefined;
  const isOver = (): boolean => knownMs !== undefined && (upMs !== undefined || SILENT.includes(command.at(-1)!));
  while (!isOver() && Date.now() - startedMs < LIMIT_MS) {
    await sleep(20);
    knownMs = firstWrite(sockspan.program.output, child.pid!);
  }
  child.kill("SIGKILL");
  await once(child, "exit");
  return { startedMs, upMs, knownMs };
}

/** @returns when the log says that the process's first plan was written */
function firstWrite(log: string, tgid: number): number | undefined {
  for (const line of log.split("\n")) {
    if (!line.includes("wrote a process's units")) continue;
    const record: { ts: string; tgid: number } = JSON.parse(line);
    if (record.tgid === tgid) return Date.parse(record.ts);
  }
  return undefined;
}

function figuresOf(starts: readonly Started[]): Record<string, number> {
  const known = starts.flatMap(({ startedMs, knownMs }) => (knownMs === undefined ? [] : [knownMs - startedMs]));
  const up = starts.flatMap(({ startedMs, upMs }) => (upMs === undefined ? [] : [upMs - startedMs]));
  const behind = starts.flatMap(({ upMs, knownMs }) =>
    upMs === undefined || knownMs === undefined ? [] : [knownMs - upMs],
  );
  return {
    "up ms": median(up),
    "known ms": median(known),
    "known ms, worst": Math.max(0, ...known),
    "after up ms": median(behind),
    "after up ms, worst": Math.max(0, ...behind),
    "not known": starts.length - known.length,
  };
}

/** 0 of none. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
