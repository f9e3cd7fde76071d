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
import type { RawScriptFrame } from "../interpreters/known-functions.ts";
import { CommTexts } from "./comm-texts.ts";
import { StackWords, type UserWords } from "./stack-words.ts";

const HEADER_BYTES = PROFILE_LAYOUT.stack_sample_event.sizeBytes;
const NO_SCRIPTS: StackSample["scriptFrames"] = [];
const NO_BYTES = new Uint8Array(0);
const NO_INTERPRETERS: readonly RawInterpreterFrame[] = [];
const NO_ATTRIBUTES: StackSample["contextAttributes"] = [];
const ZEROES = /^0+$/;

/** A frame of CPython, not yet read. */
export interface RawInterpreterFrame {
  readonly code: bigint;
  readonly instruction: bigint;
  readonly isEntry: boolean;
}

/** Which wait a record is of. */
interface DecodedWait {
  /** Equal for a wait and for its waker. */
  readonly key: string;
  /** Of a waker: whom it wakes. */
  readonly wokenTgid: number | undefined;
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
  /** undefined on the CPU. */
  readonly wait: DecodedWait | undefined;
}

/** Keeps what the next sample can use again: most come from the same threads, and arrays of their own cost more than what is in them. */
export class SampleDecoder {
  readonly #comms = new CommTexts();
  readonly #words = new StackWords();

  /** @returns undefined when the record is too short for what it says */
  decode(view: DataView, offset: number, lengthBytes: number): DecodedSample | undefined {
    if (lengthBytes < HEADER_BYTES) return undefined;
    const event = decodeStackSampleEvent(view, offset);
    const { kernelFrames, userFrames, scriptFrames, interpreterFrames, flags } = event;
    const framesAt = offset + HEADER_BYTES;
    const interpretersAt = framesAt + 8 * (kernelFrames + userFrames + scriptFrames);
    const contextAt = interpretersAt + 16 * interpreterFrames;
    if (contextAt + event.contextBytes > offset + lengthBytes) return undefined;
    const user = this.#words.split(view, framesAt + 8 * kernelFrames, userFrames, scriptFrames);
    return {
      sample: sampleOf(event, this.#comms.text(event.comm), this.#words.copy(view, framesAt, kernelFrames), user),
      interpreterFrames:
        interpreterFrames === 0 ? NO_INTERPRETERS : interpreters(view, interpretersAt, interpreterFrames),
      scriptFrames: user.scripts,
      contextBytes: copyOf(view, contextAt, event.contextBytes),
      end: event.stackEnd as StackEnd,
      isUnexplained: (flags & (SampleFlags.noMappings | SampleFlags.unknownMapping)) !== 0,
      endAddress: event.endAddress,
      wait: waitOf(event),
    };
  }
}

/** Each property by its name: with a spread among them V8 makes a hash table of 2 KiB of each sample. */
function sampleOf(
  event: StackSampleEvent,
  comm: string,
  kernelStack: BigUint64Array,
  { stack, interrupted }: UserWords,
): StackSample {
  const { header } = event;
  const isOffCpu = event.sampleKind === SampleKind.offCpu;
  return {
    kind: isOffCpu ? "off_cpu" : "on_cpu",
    timestampNs: isOffCpu ? header.timestampNs + event.valueNs : header.timestampNs,
    tgid: header.tgid,
    pid: header.pid,
    cpu: event.cpu,
    comm,
    unitKind: event.unitKind as UnitKind,
    unitId: event.unitId,
    coroutineId: event.coroutineId,
    turnId: event.turnId,
    waker:
      isOffCpu && event.peerPid !== 0 ? { tgid: event.peerTgid, pid: event.peerPid, sample: undefined } : undefined,
    valueNs: isOffCpu ? event.valueNs : 0,
    kernelStack,
    userStack: stack,
    interruptedFrames: interrupted,
    interpreterStack: undefined,
    scriptFrames: NO_SCRIPTS,
    isCut: isCut(event),
    link: linkOf(event),
    contextAttributes: NO_ATTRIBUTES,
  };
}

function waitOf({ sampleKind, header, peerTgid, peerPid, valueNs }: StackSampleEvent): DecodedWait | undefined {
  if (sampleKind === SampleKind.offCpu) return { key: `${header.pid} ${header.timestampNs}`, wokenTgid: undefined };
  return sampleKind === SampleKind.waker ? { key: `${peerPid} ${valueNs}`, wokenTgid: peerTgid } : undefined;
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
