/**
 * Evidence: a request is answered in the very callback in which the answer of a call was read (hindsight).
 *
 * Proves: the answer of the call is what the request was waiting for, so the call was made for it, whatever lay between
 * (timers, promises, thread pools, queues of connections). Only where the runtime shows that a stretch is one callback.
 * Lies where several requests wait for one answer (caches that join calls, batches): then the callback answers several,
 * and nobody is believed; and where one request's answer lets another go on (locks, limits on how many run at once).
 * That shows when a call whose request is known for sure is answered in another one's callback: then it needs the
 * agreement of what was read before the call, as in other loops.
 */
import type { EventMeta } from "../../event-meta.ts";
import { isTimerOlderThan } from "../doubt/async-ids.ts";
import type { ProcessWork } from "../process-work.ts";
import type { Stretch } from "../thread-log.ts";
import { addCandidate, decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import { undecidedBeside } from "./same-run.ts";
import { agreed, causeOf, decideChain, differed, joinByTurn, undecidedOf } from "./turn.ts";

const COST_OF_DIFFERENCE = 64;
const MAX_CREDIT = 64;

/** `served` is answered in this stretch, by the event `at`. */
export function joinInStretch(work: ProcessWork, served: TraceNode, stretch: Stretch, at: EventMeta): void {
  stretch.answer(served);
  if (stretch.isExact) noteAnswer(work, served, stretch, at.timestampNs);
  else joinByTurn(work, served, stretch, at.timestampNs);
}

/** The callback may still answer another request: what it proves is known when it is over. */
function noteAnswer(work: ProcessWork, served: TraceNode, stretch: Stretch, nowNs: number): void {
  const call = stretch.cause;
  if (call.isServer || call.start.order < served.start.order) return;
  const waiting = call.isDecided ? [] : [call, ...undecidedOf(call), ...undecidedBeside(call)];
  work.held.untilEnd(stretch, waiting, nowNs);
}

/** The callback is over. */
export function joinByReplyTurn(work: ProcessWork, stretch: Stretch, nowNs: number): void {
  const call = stretch.cause;
  const served = stretch.answered;
  if (served === undefined || call.isServer || call.start.order < served.start.order) return;
  if (stretch.answersSeveral || stretch.isShared) {
    addCandidate(call, served, "reply_turn");
    return;
  }
  if (call.isDecided) {
    if (call.parent !== undefined && call.evidence === "turn") {
      work.replyCredit = weighed(work.replyCredit, call.parent === served);
    }
    return;
  }
  if (served.isDoubtful) return;
  const forward = causeOf(call);
  if (call.isFirst && forward !== undefined) work.connectCredit = weighed(work.connectCredit, forward === served);
  let isChainTrue = false;
  if (forward === served) isChainTrue = agreed(work);
  else if (forward !== undefined) differed(work);
  if (isTimerOlderThan(call, served) || (work.replyCredit < 0 && forward !== served)) {
    addCandidate(call, served, "reply_turn");
    return;
  }
  work.batches.learn(call, served);
  decide(call, served, forward === served ? "turn" : "reply_turn");
  work.runs.join(work, call, served);
  if (isChainTrue) decideChain(work, call, served);
  else if (forward === served) work.held.untilProven(call, undecidedOf(call), served, nowNs);
}

function weighed(credit: number, isRight: boolean): number {
  return isRight ? Math.min(MAX_CREDIT, credit + 1) : Math.max(-COST_OF_DIFFERENCE, credit - COST_OF_DIFFERENCE);
}
