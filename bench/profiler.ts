/**
 * What sampling at 97 Hz costs where every core is busy: the work that programs get done per second of their own CPU time (in
 * which the kernel's part of a sample lies), the cores that user space takes, and its memory, with spans alone and with
 * profiles too: the sum of what is resident in each process, and of each one's part of what several share. Rounds are interleaved; the figures are medians.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Program } from "../test/support/program.ts";
import { Scratch } from "../test/support/scratch.ts";
import type { Burnt } from "./programs/burn.ts";

const ROUNDS = 3;
const SECONDS = 8;
/** Programs are described, tables of symbols read, compilers of JavaScript done. */
const SETTLE_SECONDS = 12;
const TICKS_PER_SECOND = 100;
const BURN = fileURLToPath(new URL("programs/burn.js", import.meta.url));
const TRACES = "traces: {receivers: [socket_trace], exporters: [file]}";
const PROFILES = "profiles: {receivers: [profile], exporters: [file]}";

interface Sample {
  readonly turnsPerCpuSecond: number;
  readonly userSpaceCores: number;
  readonly residentMb: number;
  readonly proportionalMb: number;
}

const candidates: Readonly<Record<string, string | undefined>> = {
  bare: undefined,
  traces: `receivers: {socket_trace: }
service: {pipelines: {${TRACES}}}`,
  profiles: `receivers: {socket_trace: , profile: }
service: {pipelines: {${TRACES}, ${PROFILES}}}`,
};

if (process.getuid?.() !== 0) {
  process.stderr.write("profiler: needs root\n");
  process.exit(77);
}
const burners = cpus().map(() => fork(BURN, { stdio: ["ignore", "ignore", "inherit", "ipc"] }));
const samples = new Map<string, Sample[]>(Object.keys(candidates).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, configuration] of Object.entries(candidates)) {
    samples.get(name)!.push(await measure(configuration));
  }
}
for (const burner of burners) burner.disconnect();

const medianOf = (name: string, figure: keyof Sample) => median((samples.get(name) ?? []).map((each) => each[figure]));
const result = Object.fromEntries(
  Object.keys(candidates).map((name) => [
    name,
    {
      workKept: rounded(medianOf(name, "turnsPerCpuSecond") / medianOf("bare", "turnsPerCpuSecond"), 4),
      userSpaceCores: rounded(medianOf(name, "userSpaceCores"), 4),
      residentMb: Math.round(medianOf(name, "residentMb")),
      proportionalMb: Math.round(medianOf(name, "proportionalMb")),
    },
  ]),
);
process.stdout.write(`${JSON.stringify({ bench: "profiler", rounds: ROUNDS, seconds: SECONDS, result }, null, 2)}\n`);

async function measure(configuration: string | undefined): Promise<Sample> {
  if (configuration === undefined) return { ...(await work()), userSpaceCores: 0, residentMb: 0, proportionalMb: 0 };
  const scratch = await Scratch.create();
  try {
    const [config, output] = [scratch.path("config.yaml"), scratch.path("out.jsonl")];
    writeFileSync(config, `exporters: {file: {path: ${output}}}\n${configuration}\n`);
    const command = ["bin/sockspan", "run", "--no-self-test", "--config", config];
    const sockspan = scratch.keep(await Program.start(command, { readyOutput: /^ready:/m }));
    await sleep(SETTLE_SECONDS * 1000);
    const processes = treeOf(sockspan.pid ?? 0);
    const [ticks, startMs] = [ticksOf(processes), performance.now()];
    const burnt = await work();
    const seconds = (performance.now() - startMs) / 1000;
    return {
      ...burnt,
      userSpaceCores: (ticksOf(processes) - ticks) / TICKS_PER_SECOND / seconds,
      residentMb: memoryMb(processes, "Rss"),
      proportionalMb: memoryMb(processes, "Pss"),
    };
  } finally {
    await scratch.cleanUp();
  }
}

async function work(): Promise<{ turnsPerCpuSecond: number }> {
  const before = await Promise.all(burners.map(count));
  await sleep(SECONDS * 1000);
  const after = await Promise.all(burners.map(count));
  const sum = (all: readonly Burnt[], key: keyof Burnt) => all.reduce((total, each) => total + each[key], 0);
  const turns = sum(after, "turns") - sum(before, "turns");
  return { turnsPerCpuSecond: turns / ((sum(after, "cpuMicros") - sum(before, "cpuMicros")) / 1e6) };
}

async function count(burner: ChildProcess): Promise<Burnt> {
  burner.send("count");
  const [burnt] = (await once(burner, "message")) as [Burnt];
  return burnt;
}

/** A process and those below it. */
function treeOf(pid: number): number[] {
  const children = readText(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(treeOf)];
}

/** User and system time (proc_pid_stat(5), fields 14 and 15). */
function ticksOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const text = readText(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return sum + Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }, 0);
}

function memoryMb(pids: readonly number[], what: "Rss" | "Pss"): number {
  const line = new RegExp(`^${what}:\\s+(\\d+) kB`, "m");
  return pids.reduce((sum, pid) => sum + Number(line.exec(readText(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) / 1024, 0);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
