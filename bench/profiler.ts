/**
 * What sampling at 97 Hz costs where every core is busy. Throughput: the work that programs get done per second of their own CPU
 * time, in which the kernel's part of a sample lies, in short rounds with and without samples, one after the other in the
 * same run (their order changes each time); each pair gives a ratio, so that what else the machine does is in both. User space: the cores
 * that all of sockspan's processes take, and their memory, with spans alone and with profiles too. Unwinding: the time of the program that
 * samples, below 32 frames that it follows by the tables of .eh_frame, and below the same 32 by frame pointers. All of it in a pid
 * namespace of its own, so that sockspan sees what this starts and nothing else.
 */
import { type ChildProcess, execFileSync, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Program } from "../test/support/program.ts";
import { Scratch } from "../test/support/scratch.ts";
import type { Burnt } from "./programs/burn.ts";
import { pairedRatio } from "./support/ratio.ts";
import { SamplingSwitch } from "./support/sampling-switch.ts";

const PAIRS = Number(process.env["BENCH_ROUNDS"] ?? 240);
const ROUND_MS = 100;
const SECONDS = 10;
const HERTZ = 97;
/** Programs are described, tables of symbols read, compilers of JavaScript done. */
const SETTLE_SECONDS = { traces: 5, profiles: 12 };
const TICKS_PER_SECOND = 100;
/** As in deep.c. */
const FRAMES = 32;
const SOURCE = "bench/programs/deep.c";
const BURN = fileURLToPath(new URL("programs/burn.js", import.meta.url));
const TRACES = "traces: {receivers: [socket_trace], exporters: [file]}";
const PROFILES = "profiles: {receivers: [profile], exporters: [file]}";

interface Figures {
  readonly userSpaceCores: number;
  readonly residentMb: number;
  readonly proportionalMb: number;
}

if (process.getuid?.() !== 0) {
  process.stderr.write("profiler: needs root\n");
  process.exit(77);
}
if (process.pid !== 1) {
  const own = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const inside = ["--pid", "--fork", "--kill-child", "--mount-proc", ...own];
  process.exit(spawnSync("unshare", inside, { stdio: "inherit" }).status ?? 1);
}
const burners = cpus().map(() => fork(BURN, { stdio: ["ignore", "ignore", "inherit", "ipc"] }));
const traces = await withSockspan(
  `receivers: {socket_trace: }
service: {pipelines: {${TRACES}}}`,
  SETTLE_SECONDS.traces,
  figures,
);
const [profiles, kept] = await withSockspan(
  `receivers: {socket_trace: , profile: {sampling_frequency: ${HERTZ}}}
service: {pipelines: {${TRACES}, ${PROFILES}}}`,
  SETTLE_SECONDS.profiles,
  async (pid, folder) => [await figures(pid), await throughput(pid, folder)] as const,
);
for (const burner of burners) burner.disconnect();
const byTables = await unwinding(["-fomit-frame-pointer", "-fasynchronous-unwind-tables"]);
const byPointers = await unwinding([
  "-fno-omit-frame-pointer",
  "-fno-asynchronous-unwind-tables",
  "-fno-unwind-tables",
]);

const lost = (ratio: number) => `${(100 * (1 - ratio)).toFixed(2)} %`;
const added = profiles.userSpaceCores - traces.userSpaceCores;
const verdict = kept.low > 0.99 ? "under 1 % (95 % sure)" : kept.high < 0.99 ? "over 1 % (95 % sure)" : "not decided";
process.stderr.write(
  `profiler: ${lost(kept.middle)} of throughput lost, ${lost(kept.high)} to ${lost(kept.low)} (95 %): ${verdict}; the program itself ` +
    `takes ${kept.sampleMicros} us of a core's time ${HERTZ} times a second; ${added.toFixed(3)} of a core in user space; below ${FRAMES} frames ${byTables} us by tables, ` +
    `${byPointers} us by frame pointers\n`,
);
const result = {
  traces: shown(traces),
  profiles: {
    ...shown(profiles),
    workKept: rounded(kept.middle, 4),
    workKeptLow: rounded(kept.low, 4),
    workKeptHigh: rounded(kept.high, 4),
    sampleMicros: kept.sampleMicros,
  },
  added: {
    userSpaceCores: rounded(added, 4),
    residentMb: Math.round(profiles.residentMb - traces.residentMb),
    proportionalMb: Math.round(profiles.proportionalMb - traces.proportionalMb),
  },
  [`${FRAMES} frames by tables`]: { sampleMicros: byTables },
  [`${FRAMES} frames by frame pointers`]: { sampleMicros: byPointers },
};
process.stdout.write(`${JSON.stringify({ bench: "profiler", pairs: PAIRS, roundMs: ROUND_MS, result }, null, 2)}\n`);

function shown({ userSpaceCores, residentMb, proportionalMb }: Figures) {
  return {
    userSpaceCores: rounded(userSpaceCores, 4),
    residentMb: Math.round(residentMb),
    proportionalMb: Math.round(proportionalMb),
  };
}

async function withSockspan<T>(
  configuration: string,
  settleSeconds: number,
  measure: (pid: number, folder: string) => Promise<T>,
): Promise<T> {
  const scratch = await Scratch.create();
  try {
    const [config, output] = [scratch.path("config.yaml"), scratch.path("out.jsonl")];
    writeFileSync(config, `exporters: {file: {path: ${output}}}\n${configuration}\n`);
    const command = ["bin/sockspan", "run", "--no-self-test", "--config", config];
    const sockspan = scratch.keep(await Program.start(command, { readyOutput: /^ready:/m }));
    await sleep(settleSeconds * 1000);
    return await measure(sockspan.pid, scratch.folder);
  } finally {
    await scratch.cleanUp();
  }
}

async function figures(pid: number): Promise<Figures> {
  const processes = treeOf(pid);
  const [ticks, startMs] = [ticksOf(processes), performance.now()];
  await sleep(SECONDS * 1000);
  const seconds = (performance.now() - startMs) / 1000;
  return {
    userSpaceCores: (ticksOf(processes) - ticks) / TICKS_PER_SECOND / seconds,
    residentMb: memoryMb(processes, "Rss"),
    proportionalMb: memoryMb(processes, "Pss"),
  };
}

async function throughput(pid: number, folder: string) {
  const clocks = new SamplingSwitch(folder, pid);
  try {
    const ratios: number[] = [];
    const before = clocks.programTime();
    for (let pair = 0; pair < PAIRS; pair++) {
      const order = pair % 2 === 0 ? [true, false] : [false, true];
      const rates = new Map<boolean, number>();
      for (const isOn of order) {
        const switched = await clocks.turn(isOn);
        if (switched !== cpus().length) throw new Error(`${switched} clocks for ${cpus().length} CPUs were switched`);
        rates.set(isOn, await work());
      }
      ratios.push(rates.get(true)! / rates.get(false)!);
    }
    await clocks.turn(true);
    const after = clocks.programTime();
    const runs = after.runs - before.runs;
    const expected = (HERTZ * PAIRS * ROUND_MS * cpus().length) / 1000;
    if (runs < expected / 2) throw new Error(`${runs} samples, ${expected} were to be expected`);
    return { ...pairedRatio(ratios), sampleMicros: await sampleMicros(clocks, burners) };
  } finally {
    clocks.stop();
  }
}

/** Time of the program that samples a stack of known depth, in microseconds. */
async function unwinding(flags: readonly string[]): Promise<number> {
  const scratch = await Scratch.create();
  const program = scratch.path("deep");
  execFileSync("gcc", ["-O1", "-fno-optimize-sibling-calls", "-fno-shrink-wrap", ...flags, "-o", program, SOURCE]);
  const deep = cpus().map(() => spawn(program, { stdio: "ignore" }));
  try {
    return await withSockspan(
      `receivers: {profile: {sampling_frequency: ${HERTZ}}}
service: {pipelines: {${PROFILES}}}`,
      SETTLE_SECONDS.traces,
      async (pid, folder) => {
        const clocks = new SamplingSwitch(folder, pid);
        try {
          await clocks.turn(true);
          return await sampleMicros(clocks, deep);
        } finally {
          clocks.stop();
        }
      },
    );
  } finally {
    for (const child of deep) child.kill("SIGKILL");
    await scratch.cleanUp();
  }
}

/** By the CPU time of those that are sampled: the program also runs, for a moment, in the time of those that are out of scope. */
async function sampleMicros(clocks: SamplingSwitch, sampled: readonly ChildProcess[]): Promise<number> {
  const pids = sampled.map(({ pid }) => pid ?? 0);
  const [before, ticks] = [clocks.programTime(), ticksOf(pids)];
  await sleep(SECONDS * 1000);
  const [after, seconds] = [clocks.programTime(), (ticksOf(pids) - ticks) / TICKS_PER_SECOND];
  if (seconds < SECONDS / 10) throw new Error(`what is to be sampled ran for ${seconds} s`);
  return rounded((after.runNs - before.runNs) / (seconds * HERTZ) / 1000, 1);
}

/** Turns per second of CPU time. */
async function work(): Promise<number> {
  const before = await Promise.all(burners.map(count));
  await sleep(ROUND_MS);
  const after = await Promise.all(burners.map(count));
  const sum = (all: readonly Burnt[], key: keyof Burnt) => all.reduce((total, each) => total + each[key], 0);
  const turns = sum(after, "turns") - sum(before, "turns");
  return turns / ((sum(after, "cpuMicros") - sum(before, "cpuMicros")) / 1e6);
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

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
