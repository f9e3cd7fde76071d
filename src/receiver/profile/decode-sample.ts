/** A record of the profiler to a StackSample. Numbers of the kernel alone: nothing in it is checked but its length. */
import {
  decodeStackSampleEvent,
  PROFILE_LAYOUT,
  SampleFlags,
  SampleKind,
  StackEnd,
  type StackSampleEvent,
  type UnitKind,
} from "../../bpf/layout.gen.ts";
import type { SampleLink, StackSample } from "../../mapping/profiles/stack-sample.ts";
import type { RawScriptFrame } from "../interpreters/v8-frames.ts";

const HEADER_BYTES = PROFILE_LAYOUT.stack_sample_event.sizeBytes;
/** INTERRUPTED_FRAME of bpf/profile_event.h. */
const INTERRUPTED = 1n << 63n;
/** SCRIPT_FUNCTION of bpf/profile_event.h. */
const SCRIPT_FUNCTION = 1n << 62n;
const NOTHING = new BigUint64Array(0);
const NO_SCRIPTS: StackSample["scriptFrames"] = [];
const NO_BYTES = new Uint8Array(0);
const NO_ATTRIBUTES: StackSample["contextAttributes"] = [];
const ZEROES = /^0+$/;

/** A frame of CPython, not yet read. */
export interface RawInterpreterFrame {
  readonly code: bigint;
  readonly instruction: bigint;
  readonly isEntry: boolean;
}

export interface DecodedSample {
  readonly sample: StackSample;
  readonly interpreterFrames: readonly RawInterpreterFrame[];
  /** Frames of JavaScript functions, whose names are not yet read. */
  readonly scriptFrames: readonly RawScriptFrame[];
  /** Attributes of the thread's context (OTEP 4947), not yet read; mostly none. */
  readonly contextBytes: Uint8Array;
  readonly end: StackEnd;
  /** An address in no described mapping, or a process that is not described at all. */
  readonly isUnexplained: boolean;
  readonly endAddress: number;
}

/** @returns undefined when the record is too short for what it says */
export function decodeSample(view: DataView, offset: number, lengthBytes: number): DecodedSample | undefined {
  if (lengthBytes < HEADER_BYTES) return undefined;
  const event = decodeStackSampleEvent(view, offset);
  const { kernelFrames, userFrames, scriptFrames, interpreterFrames, flags } = event;
  const framesAt = offset + HEADER_BYTES;
  const interpretersAt = framesAt + 8 * (kernelFrames + userFrames + scriptFrames);
  const contextAt = interpretersAt + 16 * interpreterFrames;
  if (contextAt + event.contextBytes > offset + lengthBytes) return undefined;
  const user = splitUserWords(view, framesAt + 8 * kernelFrames, userFrames, scriptFrames);
  return {
    sample: {
      ...headOf(event),
      kernelStack: addresses(view, framesAt, kernelFrames),
      userStack: user.stack,
      interruptedFrames: user.interrupted,
      interpreterStack: undefined,
      scriptFrames: NO_SCRIPTS,
      isCut: isCut(event),
      link: linkOf(event),
      contextAttributes: NO_ATTRIBUTES,
    },
    interpreterFrames: interpreters(view, interpretersAt, interpreterFrames),
    scriptFrames: user.scripts,
    contextBytes: copyOf(view, contextAt, event.contextBytes),
    end: event.stackEnd as StackEnd,
    isUnexplained: (flags & (SampleFlags.noMappings | SampleFlags.unknownMapping)) !== 0,
    endAddress: event.endAddress,
  };
}

function headOf(event: StackSampleEvent) {
  const { header } = event;
  const isOffCpu = event.sampleKind === SampleKind.offCpu;
  return {
    kind: isOffCpu ? ("off_cpu" as const) : ("on_cpu" as const),
    timestampNs: isOffCpu ? header.timestampNs + event.valueNs : header.timestampNs,
    tgid: header.tgid,
    pid: header.pid,
    cpu: event.cpu,
    comm: commText(event.comm),
    unitKind: event.unitKind as UnitKind,
    unitId: event.unitId,
    coroutineId: event.coroutineId,
    turnId: event.turnId,
    valueNs: event.valueNs,
    waker: isOffCpu && event.wakerPid !== 0 ? { tgid: event.wakerTgid, pid: event.wakerPid } : undefined,
  };
}

/** What the program itself says of its thread. Both ids are there, or none is active (OTEP 4947). */
function linkOf({ flags, traceId, spanId }: StackSampleEvent): SampleLink | undefined {
  if ((flags & SampleFlags.threadContext) === 0) return undefined;
  const [trace, span] = [Buffer.from(traceId).toString("hex"), Buffer.from(spanId).toString("hex")];
  if (ZEROES.test(trace) || ZEROES.test(span)) return undefined;
  return { traceId: trace, spanId: span, isInferred: false };
}

function isCut({ stackEnd, flags }: StackSampleEvent): boolean {
  const isWhole = stackEnd === StackEnd.bottom || stackEnd === StackEnd.none;
  return !isWhole || (flags & SampleFlags.kernelCut) !== 0;
}

/** Addresses, some with marks in their upper bits, some followed by the function that they are of. */
function splitUserWords(view: DataView, at: number, frames: number, scriptWords: number) {
  const stack = frames === 0 ? NOTHING : new BigUint64Array(frames);
  const interrupted: number[] = [];
  const scripts: RawScriptFrame[] = [];
  let count = 0;
  for (let i = 0; i < frames + scriptWords; i++) {
    const word = view.getBigUint64(at + 8 * i, true);
    if ((word & INTERRUPTED) === 0n && (word & SCRIPT_FUNCTION) !== 0n) {
      if (count > 0) scripts.push({ index: count - 1, shared: word & ~SCRIPT_FUNCTION });
      continue;
    }
    if (count >= frames) break;
    if ((word & INTERRUPTED) !== 0n) interrupted.push(count);
    stack[count++] = word & ~INTERRUPTED;
  }
  return { stack: stack.subarray(0, count), interrupted, scripts };
}

function copyOf(view: DataView, at: number, lengthBytes: number): Uint8Array {
  return lengthBytes === 0 ? NO_BYTES : new Uint8Array(view.buffer, view.byteOffset + at, lengthBytes).slice();
}

function addresses(view: DataView, at: number, count: number): BigUint64Array {
  if (count === 0) return NOTHING;
  const stack = new BigUint64Array(count);
  for (let i = 0; i < count; i++) stack[i] = view.getBigUint64(at + 8 * i, true);
  return stack;
}

function interpreters(view: DataView, at: number, count: number): RawInterpreterFrame[] {
  return Array.from({ length: count }, (_, i) => {
    const instruction = view.getBigUint64(at + 16 * i + 8, true);
    return {
      code: view.getBigUint64(at + 16 * i, true),
      instruction: instruction & ~1n,
      isEntry: (instruction & 1n) !== 0n,
    };
  });
}

/** task->comm, up to its NUL. */
export function commText(comm: Uint8Array): string {
  const end = comm.indexOf(0);
  return Buffer.from(comm.subarray(0, end < 0 ? comm.length : end)).toString("utf8");
}
