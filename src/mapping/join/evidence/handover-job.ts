/** What a goroutine has been given to do, and the two ends of a hand-over (handovers.ts). */
import type { HandoverEvent } from "../../../bpf/layout.gen.ts";
import type { TraceNode } from "../trace-node.ts";

/** Whoever does several jobs at once has handed back all of them by then. */
const RETURN_WAIT_NS = 100_000_000;
/** The request is answered and the call is over: what is handed back comes soon, or not at all. */
const END_WAIT_NS = 300_000_000;

/** A goroutine that hands something over, or gets it. */
export interface End {
  readonly goid: number;
  /** That made it; 0: not known. */
  readonly maker: number;
  /** When that one had read last, by then; 0: the last time of all. */
  readonly readNs: number;
  readonly startPc: number;
}

export function fromOf({ fromId, fromCreator, fromReadNs, fromStartPc }: HandoverEvent): End {
  return { goid: fromId, maker: fromCreator, readNs: fromReadNs, startPc: fromStartPc };
}

export function toOf({ toId, toCreator, toReadNs, toStartPc }: HandoverEvent): End {
  return { goid: toId, maker: toCreator, readNs: toReadNs, startPc: toStartPc };
}

export interface Job {
  /** Requests whose goroutines have handed it over, the first two. */
  readonly givers: TraceNode[];
  /** The goroutine that has handed it over, of the first of them. */
  giverId: number;
  /** Of what it has handed over. */
  valueType: number;
  readonly calls: TraceNode[];
  /** The request whose goroutine got something back, behind a call. */
  returned: TraceNode | undefined;
  /** That goroutine was the very one that had handed the job over. */
  isReturnedToGiver: boolean;
  /** So did another one's. */
  isContested: boolean;
  /** Something came from a goroutine of which nothing is known: it may have been another job. */
  isUnsure: boolean;
  isSettled: boolean;
  readonly order: number;
  lastNs: number;
}

export function newJob(order: number, nowNs: number): Job {
  return {
    givers: [],
    giverId: 0,
    valueType: 0,
    calls: [],
    returned: undefined,
    isReturnedToGiver: false,
    isContested: false,
    isUnsure: false,
    isSettled: false,
    order,
    lastNs: nowNs,
  };
}

export function isOver({ returned, givers, calls, lastNs }: Job, nowNs: number): boolean {
  if (returned !== undefined) return nowNs - lastNs > RETURN_WAIT_NS;
  if (!calls.every(({ isFinished }) => isFinished)) return false;
  return givers.every(({ isFinished, endNs }) => isFinished && nowNs - Math.max(endNs, lastNs) > END_WAIT_NS);
}
