/**
 * Samples on their way between two threads, in columns: arrays that change hands, and tables of what they share. To clone an object
 * for each sample, with typed arrays of its own, would take longer than everything else that is done with it.
 */
import type { UnitKind } from "../../bpf/layout.gen.ts";
import type { FrameLine } from "../../mapping/profile.ts";
import type { InterpretedFrame, InterpreterStack, StackSample } from "../../mapping/profiles/stack-sample.ts";

/** Values of the column `kind`. A waker is told behind the wait that it ended. */
const RowKind = { onCpu: 0, offCpu: 1, waker: 2 } as const;

/** Numbers of one sample, in their order. */
const COLUMNS = [
  "kind",
  "timestampNs",
  "tgid",
  "pid",
  "cpu",
  "comm",
  "unitKind",
  "unitId",
  "coroutineId",
  "turnId",
  "valueNs",
  "isCut",
  "wakerTgid",
  "wakerPid",
  "kernelFrames",
  "userFrames",
  "scriptFrames",
  "interpreter",
  "interpretedFrames",
] as const;
type Column = (typeof COLUMNS)[number];
type Row = Readonly<Record<Column, number>>;

const NONE: readonly never[] = [];
const INTERNED_LIMIT = 20_000;

/** What few samples have. */
interface Extra {
  readonly sample: number;
  readonly interruptedFrames: StackSample["interruptedFrames"];
  readonly link: StackSample["link"];
  readonly contextAttributes: StackSample["contextAttributes"];
}

export interface PackedSamples {
  /** Without wakers. */
  readonly count: number;
  /** With them. */
  readonly rowCount: number;
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Of one sample after the other: kernel, then user. */
  readonly addresses: BigUint64Array<ArrayBuffer>;
  /** Of each script's frame: where it is, and its line in `lines`. */
  readonly scripts: Uint32Array<ArrayBuffer>;
  /** In `interpreted`. */
  readonly interpretedFrames: Uint32Array<ArrayBuffer>;
  readonly comms: readonly string[];
  readonly lines: readonly FrameLine[];
  readonly interpreted: readonly InterpretedFrame[];
  /** Without their frames. */
  readonly interpreters: readonly Omit<InterpreterStack, "frames">[];
  readonly extras: readonly Extra[];
}

export function packSamples(samples: readonly StackSample[]): PackedSamples {
  const rows = samples.flatMap((sample) => {
    const kind = sample.kind === "off_cpu" ? RowKind.offCpu : RowKind.onCpu;
    const waker = sample.waker?.sample;
    return waker === undefined
      ? { sample, kind }
      : [
          { sample, kind },
          { sample: waker, kind: RowKind.waker },
        ];
  });
  const total = (size: (sample: StackSample) => number) => rows.reduce((sum, { sample }) => sum + size(sample), 0);
  const numbers = new Float64Array(rows.length * COLUMNS.length);
  const addresses = new BigUint64Array(total(({ kernelStack, userStack }) => kernelStack.length + userStack.length));
  const scripts = new Uint32Array(2 * total(({ scriptFrames }) => scriptFrames.length));
  const interpretedFrames = new Uint32Array(total(({ interpreterStack }) => interpreterStack?.frames.length ?? 0));
  const [comms, lines, interpreted] = [new Table<string>(), new Table<FrameLine>(), new Table<InterpretedFrame>()];
  const interpreters = new Table<string>();
  const kinds: Omit<InterpreterStack, "frames">[] = [];
  const extras: Extra[] = [];
  let [addressAt, scriptAt, interpretedAt] = [0, 0, 0];
  rows.forEach(({ sample, kind }, index) => {
    const { kernelStack, userStack, scriptFrames, interpreterStack, waker } = sample;
    const row: Row = {
      kind,
      timestampNs: sample.timestampNs,
      tgid: sample.tgid,
      pid: sample.pid,
      cpu: sample.cpu,
      comm: comms.index(sample.comm),
      unitKind: sample.unitKind,
      unitId: sample.unitId,
      coroutineId: sample.coroutineId,
      turnId: sample.turnId,
      valueNs: sample.valueNs,
      isCut: sample.isCut ? 1 : 0,
      wakerTgid: waker?.tgid ?? 0,
      wakerPid: waker?.pid ?? 0,
      kernelFrames: kernelStack.length,
      userFrames: userStack.length,
      scriptFrames: scriptFrames.length,
      interpreter: interpreterStack === undefined ? 0 : 1 + interpreters.index(interpreterStack.type),
      interpretedFrames: interpreterStack?.frames.length ?? 0,
    };
    COLUMNS.forEach((column, at) => {
      numbers[index * COLUMNS.length + at] = row[column];
    });
    addresses.set(kernelStack, addressAt);
    addresses.set(userStack, addressAt + kernelStack.length);
    addressAt += kernelStack.length + userStack.length;
    for (const { index: frame, line } of scriptFrames) {
      scripts[scriptAt++] = frame;
      scripts[scriptAt++] = lines.index(line);
    }
    if (interpreterStack !== undefined) {
      const { frames, ...kind } = interpreterStack;
      kinds[row.interpreter - 1] ??= kind;
      for (const frame of frames) interpretedFrames[interpretedAt++] = interpreted.index(frame);
    }
    const { interruptedFrames, link, contextAttributes } = sample;
    if (interruptedFrames.length > 0 || link !== undefined || contextAttributes.length > 0) {
      extras.push({ sample: index, interruptedFrames, link, contextAttributes });
    }
  });
  return {
    count: samples.length,
    rowCount: rows.length,
    numbers,
    addresses,
    scripts,
    interpretedFrames,
    comms: comms.values,
    lines: lines.values,
    interpreted: interpreted.values,
    interpreters: kinds,
    extras,
  };
}

/** What changes hands with the message. */
export function transferOf(packed: PackedSamples): ArrayBuffer[] {
  const { numbers, addresses, scripts, interpretedFrames } = packed;
  return [numbers.buffer, addresses.buffer, scripts.buffer, interpretedFrames.buffer];
}

/** Lines of one message after the other: the same one stays the same object, which others know it by. */
export class SampleUnpacker {
  readonly #lines = new Map<string, FrameLine>();
  readonly #interpreted = new Map<string, InterpretedFrame>();

  unpack(packed: PackedSamples): StackSample[] {
    const { numbers, addresses, scripts, interpretedFrames } = packed;
    const lines = packed.lines.map((line) => interned(this.#lines, lineKey(line), line));
    const interpreted = packed.interpreted.map((frame) =>
      interned(this.#interpreted, `${frame.isEntry} ${lineKey(frame)}`, frame),
    );
    const extras = new Map(packed.extras.map((extra) => [extra.sample, extra]));
    const at = { address: 0, script: 0, interpreted: 0 };
    const take = (count: number) => {
      at.address += count;
      return addresses.subarray(at.address - count, at.address);
    };
    const takeScript = () => {
      at.script += 2;
      return { index: scripts[at.script - 2]!, line: lines[scripts[at.script - 1]!]! };
    };
    const takeInterpreted = () => interpreted[interpretedFrames[at.interpreted++]!]!;
    const sampleAt = (index: number): StackSample => {
      const get = (column: Column) => numbers[index * COLUMNS.length + COLUMN_PLACES[column]]!;
      const kernelStack = take(get("kernelFrames"));
      const userStack = take(get("userFrames"));
      const kind = packed.interpreters[get("interpreter") - 1];
      const frames = listOf(get("interpretedFrames"), takeInterpreted);
      const extra = extras.get(index);
      const wakerPid = get("wakerPid");
      return {
        kind: get("kind") === RowKind.offCpu ? "off_cpu" : "on_cpu",
        timestampNs: get("timestampNs"),
        tgid: get("tgid"),
        pid: get("pid"),
        cpu: get("cpu"),
        comm: packed.comms[get("comm")]!,
        unitKind: get("unitKind") as UnitKind,
        unitId: get("unitId"),
        coroutineId: get("coroutineId"),
        turnId: get("turnId"),
        waker: wakerPid === 0 ? undefined : { tgid: get("wakerTgid"), pid: wakerPid, sample: undefined },
        valueNs: get("valueNs"),
        kernelStack,
        userStack,
        interruptedFrames: extra?.interruptedFrames ?? NONE,
        interpreterStack: kind === undefined ? undefined : { ...kind, frames },
        scriptFrames: listOf(get("scriptFrames"), takeScript),
        isCut: get("isCut") === 1,
        link: extra?.link,
        contextAttributes: extra?.contextAttributes ?? NONE,
      };
    };
    const samples: StackSample[] = [];
    for (let index = 0; index < packed.rowCount; index++) {
      const sample = sampleAt(index);
      const wait = samples.at(-1);
      if (numbers[index * COLUMNS.length] !== RowKind.waker || wait === undefined) samples.push(sample);
      else samples[samples.length - 1] = { ...wait, waker: { tgid: sample.tgid, pid: sample.pid, sample } };
    }
    return samples;
  }
}

function listOf<T>(count: number, make: () => T): readonly T[] {
  return count === 0 ? NONE : Array.from({ length: count }, make);
}

function lineKey({ functionName, fileName, lineNumber }: FrameLine): string {
  return `${lineNumber} ${functionName}\0${fileName ?? ""}`;
}

function interned<T>(known: Map<string, T>, key: string, value: T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size >= INTERNED_LIMIT) known.clear();
  known.set(key, value);
  return value;
}

const COLUMN_PLACES = Object.fromEntries(COLUMNS.map((column, at) => [column, at])) as Row;

class Table<T> {
  readonly values: T[] = [];
  readonly #indexes = new Map<T, number>();

  index(value: T): number {
    let index = this.#indexes.get(value);
    if (index === undefined) {
      index = this.values.push(value) - 1;
      this.#indexes.set(value, index);
    }
    return index;
  }
}
