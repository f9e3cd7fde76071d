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

const HEADER_BYTES = PROFILE_LAYOUT.stack_sample_event.sizeBytes;
/** INTERRUPTED_FRAME of bpf/profile_event.h. */
const INTERRUPTED = 1n << 63n;
const NOTHING = new BigUint64Array(0);
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
  const { kernelFrames, userFrames, interpreterFrames, flags } = event;
  const framesAt = offset + HEADER_BYTES;
  const contextAt = framesAt + 8 * (kernelFrames + userFrames + 2 * interpreterFrames);
  if (contextAt + event.contextBytes > offset + lengthBytes) return undefined;
  const userStack = addresses(view, framesAt + 8 * kernelFrames, userFrames);
  const interruptedFrames: number[] = [];
  for (let i = 0; i < userStack.length; i++) {
    const address = userStack[i]!;
    if ((address & INTERRUPTED) === 0n) continue;
    userStack[i] = address & ~INTERRUPTED;
    interruptedFrames.push(i);
  }
  return {
    sample: {
      ...headOf(event),
      kernelStack: addresses(view, framesAt, kernelFrames),
      userStack,
      interruptedFrames,
      interpreterStack: undefined,
      isCut: isCut(event),
      link: linkOf(event),
      contextAttributes: NO_ATTRIBUTES,
    },
    interpreterFrames: interpreters(view, framesAt + 8 * (kernelFrames + userFrames), interpreterFrames),
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
