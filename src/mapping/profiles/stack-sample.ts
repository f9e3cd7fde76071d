/** One sampled stack, as the `profile` receiver has it before its addresses have names. */
import type { UnitKind } from "../../bpf/layout.gen.ts";
import type { FrameLine } from "../profile.ts";
import type { Attribute } from "../span.ts";

export type SampleKind = "on_cpu" | "off_cpu";

/** A frame that an interpreter knows and the machine's stack does not. */
export interface InterpretedFrame {
  readonly functionName: string;
  readonly fileName: string | undefined;
  /** 0 when it is not known. */
  readonly lineNumber: number;
  /**
   * The interpreter's loop was entered anew for this frame: the frames that called it belong to the next loop on the
   * machine's stack (CPython 3.11+: the frame below is owned by the C stack, or is_entry).
   */
  readonly isEntry: boolean;
}

export interface InterpreterStack {
  /** profile.frame.type: `cpython`, `v8js`, `jvm`. */
  readonly type: string;
  /** Names of the native function that runs the frames: `_PyEval_EvalFrameDefault`. */
  readonly loopFunctions: readonly string[];
  /** The leaf first. */
  readonly frames: readonly InterpretedFrame[];
}

/** A frame of the machine's stack that is one of a function of JavaScript or Java. */
export interface ScriptFrame {
  /** In userStack. */
  readonly index: number;
  /** Samples share them. */
  readonly line: FrameLine;
}

/** The span that a sample was taken for. */
export interface SampleLink {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Joined by us, not said by the program itself (thread context of OTEP 4947). */
  readonly isInferred: boolean;
}

/** Who ended a wait: the thread that it happened in, whatever an interrupt has come to do there. */
interface Waker {
  readonly tgid: number;
  readonly pid: number;
  /** What it was doing then, on the CPU, where that is asked for. */
  readonly sample: StackSample | undefined;
}

export interface StackSample {
  readonly kind: SampleKind;
  /** CLOCK_MONOTONIC; of an off-CPU sample its end. */
  readonly timestampNs: number;
  readonly tgid: number;
  /** The thread. */
  readonly pid: number;
  readonly cpu: number;
  /** Of the thread; hostile. */
  readonly comm: string;
  readonly unitKind: UnitKind;
  readonly unitId: number;
  readonly coroutineId: number;
  /** Equal to an event's: nothing was read in between (EventMeta). */
  readonly turnId: number;
  /** Off-CPU, where it is in scope. */
  readonly waker: Waker | undefined;
  /** Off-CPU: how long it was blocked. On-CPU: 0, the period says it. */
  readonly valueNs: number;
  /**
   * Program counters, the leaf first. The first is the instruction itself, the others are return addresses, whose call
   * lies before them: they are looked up at pc - 1.
   */
  readonly kernelStack: BigUint64Array;
  /** As kernelStack; empty for kernel threads. */
  readonly userStack: BigUint64Array;
  /** Indexes in userStack, beside 0, of instructions themselves: frames that a signal interrupted. */
  readonly interruptedFrames: readonly number[];
  readonly interpreterStack: InterpreterStack | undefined;
  readonly scriptFrames: readonly ScriptFrame[];
  /** The unwinder did not reach the outermost frame. */
  readonly isCut: boolean;
  readonly link: SampleLink | undefined;
  /** What the program says of its thread beside the span (thread context of OTEP 4947); hostile. */
  readonly contextAttributes: readonly Attribute[];
}

/** Where frame `index` of the user stack is looked up. */
export function lookupAddress({ userStack, interruptedFrames }: StackSample, index: number): bigint {
  const pc = userStack[index] ?? 0n;
  return index === 0 || pc === 0n || interruptedFrames.includes(index) ? pc : pc - 1n;
}
