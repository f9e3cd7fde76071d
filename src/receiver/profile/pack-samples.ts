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
  const rows = samples.flatMap(withWaker);
  const packer = new Packer(rows.map(({ sample }) => sample));
  for (const { sample, kind } of rows) packer.add(sample, kind);
  return packer.packed(samples.length);
}

function withWaker(sample: StackSample): { readonly sample: StackSample; readonly kind: number }[] {
  const own = { sample, kind: sample.kind === "off_cpu" ? RowKind.offCpu : RowKind.onCpu };
  const waker = sample.waker?.sample;
  return waker === undefined ? [own] : [own, { sample: waker, kind: RowKind.waker }];
}

class Packer {
  readonly #numbers: Float64Array<ArrayBuffer>;
  readonly #addresses: BigUint64Array<ArrayBuffer>;
  readonly #scripts: Uint32Array<ArrayBuffer>;
  readonly #interpretedFrames: Uint32Array<ArrayBuffer>;
  readonly #comms = new Table<string>();
  readonly #lines = new Table<FrameLine>();
  readonly #interpreted = new Table<InterpretedFrame>();
  readonly #interpreterTypes = new Table<string>();
  readonly #interpreters: Omit<InterpreterStack, "frames">[] = [];
  readonly #extras: Extra[] = [];
  #rowCount = 0;
  #addressAt = 0;
  #scriptAt = 0;
  #interpretedAt = 0;

  /** @param samples all that come, for the sizes */
  constructor(samples: readonly StackSample[]) {
    const total = (size: (sample: StackSample) => number) => samples.reduce((sum, sample) => sum + size(sample), 0);
    this.#numbers = new Float64Array(samples.length * COLUMNS.length);
    this.#addresses = new BigUint64Array(total(({ kernelStack, userStack }) => kernelStack.length + userStack.length));
    this.#scripts = new Uint32Array(2 * total(({ scriptFrames }) => scriptFrames.length));
    this.#interpretedFrames = new Uint32Array(total(({ interpreterStack }) => interpreterStack?.frames.length ?? 0));
  }

  add(sample: StackSample, kind: number): void {
    const row = this.#row(sample, kind);
    COLUMNS.forEach((column, at) => {
      this.#numbers[this.#rowCount * COLUMNS.length + at] = row[column];
    });
    this.#addFrames(sample, row.interpreter);
    this.#addExtra(sample);
    this.#rowCount++;
  }

  packed(count: number): PackedSamples {
    return {
      count,
      rowCount: this.#rowCount,
      numbers: this.#numbers,
      addresses: this.#addresses,
      scripts: this.#scripts,
      interpretedFrames: this.#interpretedFrames,
      comms: this.#comms.values,
      lines: this.#lines.values,
      interpreted: this.#interpreted.values,
      interpreters: this.#interpreters,
      extras: this.#extras,
    };
  }

  #row(sample: StackSample, kind: number): Row {
    const { kernelStack, userStack, scriptFrames, interpreterStack, waker } = sample;
    return {
      kind,
      timestampNs: sample.timestampNs,
      tgid: sample.tgid,
      pid: sample.pid,
      cpu: sample.cpu,
      comm: this.#comms.index(sample.comm),
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
      interpreter: interpreterStack === undefined ? 0 : 1 + this.#interpreterTypes.index(interpreterStack.type),
      interpretedFrames: interpreterStack?.frames.length ?? 0,
    };
  }

  #addFrames({ kernelStack, userStack, scriptFrames, interpreterStack }: StackSample, interpreter: number): void {
    this.#addresses.set(kernelStack, this.#addressAt);
    this.#addresses.set(userStack, this.#addressAt + kernelStack.length);
    this.#addressAt += kernelStack.length + userStack.length;
    for (const { index, line } of scriptFrames) {
      this.#scripts[this.#scriptAt++] = index;
      this.#scripts[this.#scriptAt++] = this.#lines.index(line);
    }
    if (interpreterStack === undefined) return;
    const { frames, ...rest } = interpreterStack;
    this.#interpreters[interpreter - 1] ??= rest;
    for (const frame of frames) this.#interpretedFrames[this.#interpretedAt++] = this.#interpreted.index(frame);
  }

  #addExtra({ interruptedFrames, link, contextAttributes }: StackSample): void {
    if (interruptedFrames.length === 0 && link === undefined && contextAttributes.length === 0) return;
    this.#extras.push({ sample: this.#rowCount, interruptedFrames, link, contextAttributes });
  }
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
