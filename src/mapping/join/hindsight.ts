/**
 * Evidence: the unit that writes the answer of a request made the calls that it made since the request came.
 *
 * Proves: a unit that answers a request was working on it. Lies where one unit works on several requests in turns
 * (event loops seen as threads; shared contexts), so units that ever had two requests open are not asked, and threads
 * only where the process shows that its threads are its units.
 */
import type { EventMeta } from "../event-meta.ts";
import type { ProcessWork } from "./process-work.ts";
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";
import type { Unit } from "./unit.ts";

/** The answer of `served` is being written by the unit of `meta`. */
export function joinByAnswer(work: ProcessWork, served: TraceNode, answering: Unit, meta: EventMeta): void {
  const evidence = answering.isThread ? threadEvidence(work, served, answering) : unitEvidence(answering);
  if (evidence === undefined) return;
  const since = Math.max(served.start.order, answering.lastAnswerOrder);
  for (const call of answering.calls) {
    if (call.isDecided || call.start.order < since || call.start.order > meta.order) continue;
    // Where one thread reads everything it may be a loop, and calls that it is known to make on its own account are no proof.
    if (answering.isThread && work.hasSingleReader && work.isBackground(call.destination)) continue;
    decide(call, served, evidence);
  }
}

function unitEvidence(answering: Unit): string | undefined {
  return answering.isShared ? undefined : "answer_unit";
}

function threadEvidence(work: ProcessWork, served: TraceNode, answering: Unit): string | undefined {
  if (work.handsOver || answering.isShared) return undefined;
  if (served.unit === answering) return answering.open.length === 1 ? "thread" : undefined;
  // A worker that takes requests which another thread has read; that thread must not be one of its kind.
  return served.unit?.isThread && answering.open.length === 0 ? "answer_thread" : undefined;
}

/** Learns from who answers what. Call it before `joinByAnswer`. */
export function learnFromAnswer(work: ProcessWork, served: TraceNode, answering: Unit): void {
  const reader = served.unit;
  if (reader === undefined || reader === answering || !reader.isThread || !answering.isThread) return;
  if (answering.hasRead && reader.lastAnswerOrder >= 0) work.handsOver = true;
}
