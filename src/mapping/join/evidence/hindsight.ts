/**
 * Evidence: the unit that writes the answer of a request made the calls that it made since the request came.
 *
 * Proves: a unit that answers a request was working on it. Lies where one unit works on several requests in turns
 * (event loops seen as threads; shared contexts), so units that ever had two requests open are not asked, and threads
 * only where the process shows that its threads are its units, and not of calls on connections that an event loop waits for.
 */
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import { isAnsweredInOrder, isCallOf, type Unit } from "../unit.ts";
import { answerBegins } from "./answer-order.ts";
import { answersOne, answersThrough, holdThrough, sinceOf } from "./answered-through.ts";
import { joinAwaited } from "./awaited-calls.ts";
import { joinMadeByAnswer } from "./exact.ts";
import { cameTogether, joinInOrder } from "./in-order.ts";
import { creationOf, isSameUnit, isWrittenBefore, writtenNs } from "./lineage.ts";
import {
  isOfSleeper,
  isServedByThreads,
  learnSleeper,
  mayBeOfOwnThread,
  PROVEN_OWN,
  servedByOwnThread,
} from "./own-thread.ts";
import { contextOf } from "./request-contexts.ts";

/** So many answers make a worker of a thread that reads no requests. */
const PROVEN_WORKER = 8;
/** So many of all such threads, while no further thread began to read, make workers of all that do not read. */
const PROVEN_WORKERS = 24;

/** So many calls of a process wait for proof, and none after them: it is a loop, or lets its tasks wander. */
const MAX_HELD_FOR_PROOF = 256;

/** The answer of `served` is being written by the unit of `meta`. */
export function joinByAnswer(work: ProcessWork, served: TraceNode, answering: Unit, meta: EventMeta): void {
  const context = contextOf(meta);
  if (context !== 0) work.contexts.named(context, served);
  const isFirst = answerBegins(work, served, meta);
  if (isFirst) joinAwaited(work, served, meta);
  if (answering.isThread && cameTogether(work, served)) {
    if (isFirst) joinInOrder(work, served, answering, meta);
    return;
  }
  const evidence = answerEvidence(work, served, answering, meta);
  const since = Math.max(served.start.order, served.turnOrder, answering.lastAnswerOrder);
  if (evidence === undefined) {
    if (answering.isThread) holdUntilProven(work, served, answering, since, meta);
    return;
  }
  const mayBeKeptBack = isAnsweredInOrder(served) && (served.isPipelined || work.connections.hasBehind(served));
  const creation = creationOf(meta);
  for (const call of answering.calls) {
    if (!isCallOf(answering, call, since, meta.order)) continue;
    if (evidence === "thread" && !mayBeOfOwnThread(work, call)) continue;
    if (answering.isThread && isOfLoop(call, served)) continue;
    if (isWrittenBefore(meta, writtenNs(call.start))) continue;
    if (!isSameUnit(creationOf(call.start), call.start.timestampNs, creation)) continue;
    // Until the next one was ready, which the call may then be for.
    if (mayBeKeptBack) work.late.hold(call, served, evidence, meta.timestampNs, () => !served.isWithNext);
    else decide(call, served, evidence);
  }
  // What waits for a maker waits for its maker, too.
  const taken = new Set<TraceNode>();
  joinMadeByAnswer(work, served, answering, since, meta, taken);
  for (const through of answersThrough(work, served, meta)) {
    holdThrough(work, served, through);
    if (answersOne(work, through.creation))
      joinMadeByAnswer(work, served, through, sinceOf(served), through.meta, taken);
  }
}

/**
 * The first answers of a process, before its threads have proved anything or its runtime is known: what they say is believed
 * if that is so half a second later.
 */
function holdUntilProven(work: ProcessWork, served: TraceNode, answering: Unit, since: number, meta: EventMeta): void {
  if (work.isInDoubt(meta) || work.handsOver || answering.isShared) return;
  const isOwn = served.unit === answering;
  if (isOwn ? answering.open.length !== 1 : answering.hasRead || !served.unit?.isThread) return;
  const isAlone = isOwn && work.open.size === 1;
  for (const call of answering.calls) {
    if (isAlone && !call.isSleptFor) continue;
    const isShown = (timestampNs: number) =>
      !work.handsOver &&
      !answering.isShared &&
      !work.areThreadsInDoubt({ timestampNs }) &&
      (isOwn
        ? (!isAlone && isServedByThreads(work)) || isOfSleeper(work, call, served)
        : isProvenWorker(work, answering));
    if (call.isHeld || !isCallOf(answering, call, since, meta.order) || isOfLoop(call, served)) continue;
    if (isOwn && !mayBeOfOwnThread(work, call)) continue;
    if (work.heldForProof >= MAX_HELD_FOR_PROOF) return;
    work.heldForProof++;
    work.late.hold(call, served, isOwn ? "thread" : "answer_thread", meta.timestampNs, isShown);
  }
}

/**
 * The thread waits for the call's connection and others beside it: it sends on them for whoever asks it to, and a request that it
 * serves meanwhile need not have asked. One that sleeps until its client sends something does nothing beside.
 */
function isOfLoop(call: TraceNode, served: TraceNode): boolean {
  return call.isWatched && !(served.unit === call.unit && served.start.isBlocking);
}

/** Why what the unit has done since `served` came is believed to be for it; undefined: it is not. */
export function answerEvidence(
  work: ProcessWork,
  served: TraceNode,
  answering: Unit,
  meta: EventMeta,
): string | undefined {
  if (answering.isThread) return threadEvidence(work, served, answering, meta);
  return answering.isShared ? undefined : "answer_unit";
}

function threadEvidence(work: ProcessWork, served: TraceNode, answering: Unit, meta: EventMeta): string | undefined {
  if (work.areThreadsInDoubt(meta) || work.handsOver || answering.isShared) return undefined;
  if (served.unit === answering) {
    const isOwn = work.ownAnswers >= PROVEN_OWN || servedByOwnThread(work, answering, meta) === served;
    return isOwn && answering.open.length === 1 ? "thread" : undefined;
  }
  return isProvenWorker(work, answering) && served.unit?.isThread ? "answer_thread" : undefined;
}

/** It takes requests which another thread has read; that thread must not be one of its kind. */
export function isProvenWorker(work: ProcessWork, answering: Unit): boolean {
  if (answering.hasRead) return false;
  return answering.answersOfOthers >= PROVEN_WORKER || work.workerAnswers >= PROVEN_WORKERS;
}

/** Learns from who answers what, at the end of the answer. */
export function learnFromAnswer(work: ProcessWork, served: TraceNode, answering: Unit): void {
  const reader = served.unit;
  if (served.isDoubtful || served.isPipelined || reader === undefined) return;
  if (reader !== answering && !reader.isThread && !reader.servesConnection) work.unitsHandOver = true;
  if (!reader.isThread || !answering.isThread) return;
  if (reader === answering) {
    if (work.open.size > reader.unanswered) {
      work.ownAnswers++;
      learnSleeper(work, reader, served);
    }
    return;
  }
  if (served.start.isBlocking) work.blockingReadersHandOver = true;
  if (!answering.hasRead) {
    answering.answersOfOthers++;
    work.workerAnswers++;
  } else if (reader.lastAnswerOrder >= 0) work.handsOver = true;
}
