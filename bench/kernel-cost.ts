/**
 * What the capture programs add to a call, in nanoseconds of processor time: each hook set beside no program and beside two empty ones,
 * interleaved, with the ring drained meanwhile as the drain thread does. Capture is the first 255 bytes of each call. Joining
 * adds a process's steps to its unit of work, and where it has none the program that sees wake-ups; uprobes are tokio's, CPython's and Go's.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { HookSet } from "../src/bpf/feature.ts";
import {
  IoMode,
  ProcessFilter,
  ProcessFlags,
  type TraceSettings,
  UnitKind,
  UnixSockets,
} from "../src/bpf/layout.gen.ts";
import { BpfObject } from "../src/bpf/object.ts";
import { type GoPlan, NO_GO } from "../src/broker/capture/control.ts";
import { UNIX_PROGRAMS, WAKE_PROGRAM } from "../src/broker/capture/hook-programs.ts";
import { markEarlier } from "../src/broker/capture/unix-capture.ts";
import { type CaptureSettings, KernelCapture } from "../test/kernel/capture/support/kernel-capture.ts";
import { NOT_RELOCATED, offsetOf } from "../test/support/probed-place.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 9);
const COUNTS = {
  pair: 20_000,
  named: 20_000,
  unnamed: 20_000,
  null: 200_000,
  switch: 10_000,
  wake: 20_000,
  probe: 50_000,
};
type Mode = keyof typeof COUNTS;
const MODES = Object.keys(COUNTS) as Mode[];
const SKIPPED = 77;

if (process.getuid?.() !== 0) {
  process.stderr.write("kernel-cost: needs root\n");
  process.exit(SKIPPED);
}
const folder = mkdtempSync(join(tmpdir(), "sockspan-bench-"));
const caller = join(folder, "socket-calls");
const emptyObject = join(folder, "empty_calls.bpf.o");
execFileSync("gcc", ["-O2", ...NOT_RELOCATED, "-o", caller, "bench/programs/socket-calls.c", "-lpthread"]);
const probedOffset = offsetOf(caller, "probed");
execFileSync("clang", ["-g", "-O2", "-target", "bpf", "-c", "bench/programs/empty_calls.bpf.c", "-o", emptyObject]);

interface Load extends Disposable {
  drain?(): void;
  /** Before the caller begins. */
  started?(tgid: number): void;
}

const capture = (set: HookSet, more: Partial<CaptureSettings> = {}): KernelCapture =>
  new KernelCapture({
    sends: set,
    receives: set,
    keepsEvents: false,
    ...more,
    conf: { ...more.conf, defaultLimit: 255 },
  });
/** As configured by default, once it is switched on. */
const ioSettings = (ioMode: IoMode): TraceSettings => ({ ioMode, ioThresholdNs: 1e6, ioEventsPerRequest: 32 });

const [THREAD_POINTER, LOAD, TO_UNIT, TO_TURN] = [1, 3, 7, 8];
const step = (kind: number, operand = 0) => ({ kind, operand });
/** What a CPython thread's context and turn take: the first word of the thread's control block is its own address. */
const pythonSteps = [TO_UNIT, TO_TURN].flatMap((end) => [step(THREAD_POINTER!), step(LOAD!), step(LOAD!), step(end)]);
/** As of 3.12. */
const PYTHON_TASKS = {
  workItemType: 0,
  functionType: 0,
  taskContext: 152,
  coroutineName: 32,
  functionHops: [],
  siteHops: [],
  putsOff: 0,
  clients: [],
};
/** The caller has no goroutines: the program runs until it can't read one, and tells nothing. */
const GO_PROGRAM: GoPlan = { ...NO_GO, goid: 152, startPc: 296 };
const joining = (started: (load: KernelCapture, tgid: number) => void, alsoLoaded: readonly string[] = []): Load => {
  const load = capture(HookSet.a, { alsoLoaded });
  return {
    drain: () => void load.drain(),
    started: (tgid) => started(load, tgid),
    [Symbol.dispose]: () => load[Symbol.dispose](),
  };
};
const LOCK_OF_NONE = { lockAddress: 0, lockLength: 0 };

const candidates: Readonly<Record<string, () => Load>> = {
  "no program": () => ({ [Symbol.dispose]: () => {} }),
  "empty sys_enter + sys_exit": () => {
    const object = BpfObject.open("empty_calls", readFileSync(emptyObject));
    object.selectPrograms(new Set(object.programs.keys()));
    object.load();
    for (const program of object.selectedPrograms) object.attach(program);
    return object;
  },
  "hook set a": () => capture(HookSet.a),
  "hook set a with AF_UNIX": () => {
    const load = capture(HookSet.a, { also: UNIX_PROGRAMS.a, conf: { unixSockets: UnixSockets.on } });
    markEarlier(load.map("unix_earlier"), new Set());
    return load;
  },
  "hook set b": () => capture(HookSet.b),
  "hook set c": () => capture(HookSet.c),
  "hook set a, units of CPython": () =>
    joining((load, tgid) =>
      load.setPlan(tgid, ProcessFilter.none, { unitKind: UnitKind.pythonContext, steps: pythonSteps }),
    ),
  "hook set a, wake-ups of other processes": () => joining((load) => load.attach(WAKE_PROGRAM), [WAKE_PROGRAM]),
  "hook set a, wake-ups of the process": () =>
    joining(
      (load, tgid) => {
        load.setPlan(tgid, ProcessFilter.none, { flags: ProcessFlags.wakes, ...LOCK_OF_NONE });
        load.attach(WAKE_PROGRAM);
      },
      [WAKE_PROGRAM],
    ),
  "hook set a, uprobe of tokio's waker": () =>
    joining(
      (load, tgid) => {
        load.setPlan(tgid, ProcessFilter.none, { unitKind: UnitKind.tokioTask, steps: [step(THREAD_POINTER!)] });
        load.attachUprobe("tokio_wake", tgid, caller, probedOffset);
      },
      ["tokio_wake"],
    ),
  "hook set a, uprobe of CPython's tasks": () =>
    joining(
      (load, tgid) => {
        const plan = { unitKind: UnitKind.pythonContext, steps: pythonSteps, python: PYTHON_TASKS };
        load.setPlan(tgid, ProcessFilter.none, plan);
        load.attachUprobe("python_task", tgid, caller, probedOffset);
      },
      ["python_task"],
    ),
  "hook set a, uprobe of Go's hand-overs": () =>
    joining(
      (load, tgid) => {
        load.setPlan(tgid, ProcessFilter.none, { unitKind: UnitKind.goroutine, steps: [], go: GO_PROGRAM });
        load.attachUprobe("go_send", tgid, caller, probedOffset);
      },
      ["go_send"],
    ),
  "hook set a, trace_map kept": () => capture(HookSet.a, { conf: { traceRequests: 1 } }),
  "hook set a, io_events of requests": () => capture(HookSet.a, { io: ioSettings(IoMode.request) }),
  "hook set a, all io_events": () => capture(HookSet.a, { io: ioSettings(IoMode.all) }),
};

async function time(mode: Mode, load: Load): Promise<number> {
  const child = spawn(caller, [mode, String(COUNTS[mode])], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "readable");
  load.started?.(child.pid!);
  child.stdin.end("\n");
  const timer = setInterval(() => load.drain?.(), 2);
  const printed = await text(child.stdout);
  clearInterval(timer);
  load.drain?.();
  return Number(printed.split("\n")[1]);
}

const measured = new Map<string, number[]>();
const refused = new Set<string>();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, start] of Object.entries(candidates)) {
    if (refused.has(name)) continue;
    try {
      using load = start();
      for (const mode of MODES) {
        const key = `${name} ${mode}`;
        measured.set(key, [...(measured.get(key) ?? []), await time(mode, load)]);
      }
    } catch (error) {
      refused.add(name);
      process.stderr.write(`kernel-cost: ${name}: left out: ${String(error).split("\n")[0]}\n`);
    }
  }
}
rmSync(folder, { recursive: true });

/** The lower quartile: what disturbs a round only adds to it. */
const quartile = (name: string, mode: Mode): number => {
  const values = [...(measured.get(`${name} ${mode}`) ?? [])].sort((a, b) => a - b);
  return values[values.length >> 2] ?? Number.NaN;
};
const result = Object.fromEntries(
  Object.keys(candidates)
    .filter((name) => !refused.has(name))
    .map((name) => [
      name,
      Object.fromEntries(
        MODES.flatMap((mode) => {
          const base = quartile("no program", mode);
          const own = quartile(name, mode);
          return [
            [`${mode} ns`, Math.round(own)],
            [`${mode} added`, Math.round(own - base)],
            [`${mode} ratio`, Number((own / base).toFixed(2))],
          ];
        }),
      ),
    ]),
);
process.stdout.write(JSON.stringify({ bench: "kernel-cost", rounds: ROUNDS, counts: COUNTS, result }));
