/**
 * Evidence: a thread answers requests that one connection has brought together, one after the other, and has made the call since
 * the answer before.
 *
 *     R1, R2 read by thread 1    1: C, r1 answered    2: C', r2 answered: C' was for R2
 *
 * Proves: a thread that sleeps in its reads does one thing at a time, and a server that writes an answer before it begins with the
 * next request was at that request since. Lies where answers are kept back (Apache writes those of several in one), where requests
 * are handled beside each other and their answers wait for their turn, and where threads go on with what they have answered. The
 * first two show: such answers go out in one write, or one after the other with nothing read between; then nobody is believed. The
 * third shows where no other request could be the cause; then the process is not asked any more. One thread alone may be a
 * loop: it must have answered so 16 times with one call after the other.
 */
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import type { TraceNode } from "../trace-node.ts";
import { isAnsweredInOrder, isCallOf, type Unit } from "../unit.ts";
import { hasBehind, isServedByThreads, mayBeOfOwnThread } from "./own-thread.ts";

const PROVEN_ALONE = 16;
const MAX_CREDIT = 64;
const COST_OF_DIFFERENCE = 64;
const MAX_LOOKED_AT = 64;

/** What a process has shown of its threads where requests come together. */
export class InOrder {
  /** Grows where the calls before an answer were made one after the other. */
  #credit = 0;
  /** A thread that was at no request has called. */
  #goesOn = false;

  get goesOn(): boolean {
    return this.#goesOn;
  }

  get isProvenAlone(): boolean {
    return this.#credit >= PROVEN_ALONE;
  }

  agreed(): void {
    this.#credit = Math.min(MAX_CREDIT, this.#credit + 1);
  }

  differed(): void {
    this.#credit = Math.max(-COST_OF_DIFFERENCE, this.#credit - COST_OF_DIFFERENCE);
  }

  /** A thread makes a call. */
  called(work: ProcessWork, call: TraceNode): void {
    const unit = call.unit!;
    if (!unit.isThread) return;
    call.isBeside = unit.lastCall?.isFinished === false;
    unit.lastCall = call;
    if (this.#goesOn || !unit.hasRead || unit.open.length > 0) return;
    unit.floats = true;
    let looked = 0;
    for (const { turnOrder } of work.unclaimed) if (turnOrder >= 0 || ++looked > MAX_LOOKED_AT) return;
    this.#goesOn = true;
  }

  /** A thread reads a request for itself: what it has called at none was for one that it had answered. */
  reads(unit: Unit): void {
    if (unit.floats) this.#goesOn = true;
  }
}

/** The connection has brought others with `served`, or before it. */
export function cameTogether(work: ProcessWork, served: TraceNode): boolean {
  return served.isPipelined || hasBehind(work, served);
}

/** `served` begins to be answered. */
export function joinInOrder(work: ProcessWork, served: TraceNode, answering: Unit, meta: EventMeta): void {
  answering.floats = false;
  if (!served.start.isBlocking || !isAnsweredInOrder(served) || work.areThreadsInDoubt(meta)) return;
  if (served.isPipelined && served.turnOrder < 0) return;
  if (answering.open.some(({ connection }) => connection !== served.connection)) return;
  const since = Math.max(served.start.order, served.turnOrder, answering.lastAnswerOrder);
  const calls = answering.calls.filter((call) => isCallOf(answering, call, since, meta.order));
  if (calls.some(({ isBeside }) => isBeside)) {
    work.inOrder.differed();
    return;
  }
  if (calls.length > 0) work.inOrder.agreed();
  for (const call of calls) {
    if (call.isHeld || !mayBeOfOwnThread(work, call)) continue;
    work.late.hold(call, served, "in_order", meta.timestampNs, (nowNs) => isShown(work, served, answering, nowNs));
  }
}

function isShown(work: ProcessWork, served: TraceNode, answering: Unit, timestampNs: number): boolean {
  if (served.isWithNext || answering.isShared || work.inOrder.goesOn) return false;
  if (work.handsOver || work.blockingReadersHandOver || work.areThreadsInDoubt({ timestampNs })) return false;
  return work.blockingReaders < 2 ? work.inOrder.isProvenAlone : isServedByThreads(work);
}
