/**
 * Evidence: Node's code made this call together with another one, whose request is known (hindsight).
 *
 * Proves: http writes a call in a tick (process.nextTick), and ticks run when the code that asks for them has come to its
 * end. Ids of asynchronous resources are counted up and ticks have one, so a call whose tick is older than the counter at
 * the first write was made by the same code: a stretch of promises that one timer or one file has let go on. What another
 * timer lets go on is newer, since ticks run between two timers (lib/internal/timers.js, listOnTimeout).
 * Lies where one timer lets several requests go on (limits on the rate, batches), or also does what is nobody's (reports).
 * Then calls of one run turn out to be due to different requests, or a request has no call at all though there were runs
 * while it was open; it is asked where that has not been seen for long. And it is asked only of calls that were over when
 * the request was answered, from whose answer nothing followed, and that go where more calls are known to be made for
 * requests than for none.
 */
import { TurnPhase, UnitKind } from "../../../bpf/layout.gen.ts";
import type { EventMeta } from "../../event-meta.ts";
import { isTimerOlderThan } from "../doubt/async-ids.ts";
import type { ProcessWork } from "../process-work.ts";
import { addCandidate, decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";

const MAX_CALLS = 256;
const MAX_CALLLESS = 64;
const MAX_DESTINATIONS = 256;
/** What a callback proves is known after so long at the latest. */
const CALLBACK_NS = 250_000_000;
/** So many runs in which nothing spoke against it, and one that did costs so many. */
const PROVEN = 16;
const COST_OF_DIFFERENCE = 64;
const MAX_CREDIT = 64;

/** Calls that the same code made. */
export class Run {
  readonly calls: TraceNode[] = [];
  readonly #turnId: number;
  /** Ids given when the first call was written. */
  readonly #idsGiven: number;

  constructor(first: TraceNode) {
    this.#turnId = first.start.turnId;
    this.#idsGiven = first.start.unitCount;
  }

  /** @returns whether it was made before the first call of this run was written */
  takes({ start }: TraceNode): boolean {
    return start.turnId === this.#turnId && start.unitId <= this.#idsGiven && this.calls.length < MAX_CALLS;
  }
}

/** A tick of the loop's thread sends it, behind a timer: no callback of a read. */
function isInRun({ unitKind, unitId, turnId }: EventMeta): boolean {
  return unitKind === UnitKind.nodeAsync && unitId !== 0 && turnId % 4 === TurnPhase.other;
}

/** Calls that wait for what is learnt of `call`. */
export function undecidedBeside(call: TraceNode): TraceNode[] {
  return call.run?.calls.filter((other) => !other.isDecided) ?? [];
}

/** The runs of one process, whose loop is one thread, and what they have shown. */
export class Runs {
  #credit = 0;
  #last: Run | undefined;
  #lastOrder = -1;
  /** Requests that were open during a run and have no call, as far as is known. */
  #callless: TraceNode[] = [];
  /** How many calls go where, of those whose request was known otherwise: a report that is sent beside them is nobody's. */
  readonly #destinations = new Map<string, number>();

  /** A call goes out in no callback of a read. */
  called(call: TraceNode): void {
    if (!isInRun(call.start)) return;
    if (!this.#last?.takes(call)) this.#last = new Run(call);
    this.#last.calls.push(call);
    call.run = this.#last;
    this.#lastOrder = call.start.order;
  }

  /** Events are missing. */
  forget(): void {
    this.#last = undefined;
  }

  /** A request is answered. What its last callback proves is known when that is over. */
  closed(served: TraceNode): void {
    if (served.hasCall || this.#lastOrder < served.start.order) return;
    if (this.#callless.length < MAX_CALLLESS) this.#callless.push(served);
  }

  /** `call` is known to have been made for `served`, which is answered. */
  join(work: ProcessWork, call: TraceNode, served: TraceNode): void {
    this.#learnFromCallless(served.endNs);
    const count = this.#destinations.get(call.destination) ?? 0;
    if (count > 0 || this.#destinations.size < MAX_DESTINATIONS) this.#destinations.set(call.destination, count + 1);
    const others = call.run?.calls.filter((other) => other !== call) ?? [];
    if (others.length === 0) return;
    if (others.some((other) => speaksAgainst(other, served))) {
      this.#differed();
      return;
    }
    const isInDoubt = this.#callless.length > 0;
    // Of a request that is alone nothing else could be said.
    if (!isInDoubt && work.open.size > 0) this.#credit = Math.min(MAX_CREDIT, this.#credit + 1);
    const isBelieved = !isInDoubt && this.#credit >= PROVEN;
    for (const other of others) {
      if (other.isDecided || other.start.order < served.start.order || isTimerOlderThan(other, served)) continue;
      if (isBelieved && this.#isOneOfThem(work, other)) decide(other, served, "same_run");
      else addCandidate(other, served, "same_run");
    }
  }

  #isOneOfThem(work: ProcessWork, { isFinished, isFollowed, destination }: TraceNode): boolean {
    const count = this.#destinations.get(destination) ?? 0;
    return isFinished && !isFollowed && count > work.background.of(destination);
  }

  #learnFromCallless(nowNs: number): void {
    this.#callless = this.#callless.filter(({ hasCall, endNs }) => {
      if (hasCall || nowNs - endNs < CALLBACK_NS) return !hasCall;
      this.#differed();
      return false;
    });
  }

  #differed(): void {
    this.#credit = Math.max(-COST_OF_DIFFERENCE, this.#credit - COST_OF_DIFFERENCE);
  }
}

function speaksAgainst(other: TraceNode, served: TraceNode): boolean {
  if (other.parent !== undefined) return other.parent !== served;
  return other.candidates?.some(({ node, evidence }) => node !== served && evidence === "reply_turn") === true;
}
