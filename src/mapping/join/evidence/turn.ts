/**
 * Evidence: what an event loop does between two reads is caused by the first of them.
 *
 * Where the runtime shows that a stretch is one callback (Node: the loop polls, and the thread has read nothing else)
 * a call in the stretch of a request's read is that request's: at once, with no proof needed. Elsewhere timers and
 * queues may lie between. There two independent witnesses are asked: the request read last before the call was sent
 * (or before its connection was opened), and the request answered first after the call's own answer was read. Each
 * alone lies; together they are believed where they have agreed in this process. What they agreed on before they had
 * proved themselves is decided when they have. Both are asked of one loop alone, or of several that do not call for each other,
 * and not of calls that go out while a request is put off: timers may have fired, or the connections be there that it waits for.
 */
import { UnitKind } from "../../../bpf/layout.gen.ts";
import type { ProcessWork } from "../process-work.ts";
import type { Stretch } from "../thread-log.ts";
import { addCandidate, decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import { isMadeForOthers } from "./lineage.ts";

/** So many agreements without a difference, and a difference costs so many. */
const PROVEN = 16;
const COST_OF_DIFFERENCE = 64;
const MAX_CREDIT = 64;
const MAX_CHAIN = 64;

/**
 * Runtimes that run a unit on any of several threads, or read for many before they run any: what a thread read last says
 * nothing of what it sends next.
 */
const MOVES_BETWEEN_THREADS: readonly number[] = [
  UnitKind.goroutine,
  UnitKind.tokioTask,
  UnitKind.jvmVirtualThread,
  UnitKind.haproxyTask,
];

export function movesBetweenThreads(unitKind: number): boolean {
  return MOVES_BETWEEN_THREADS.includes(unitKind);
}

/**
 * A stretch is over. Where a request was left with neither a call nor an answer, the process puts work off (timers,
 * promises, pools), and what it sends next is for whom nobody knows.
 */
export function learnFromEnd(work: ProcessWork, stretch: Stretch): void {
  const { cause } = stretch;
  if (stretch.isExact || !cause.isServer || cause.isFinished || stretch.hasSent) return;
  work.putOff(cause);
  differed(work);
}

/** The call goes out in `stretch`, or its connection was opened in it. */
export function noteSent(work: ProcessWork, call: TraceNode, stretch: Stretch | undefined): void {
  work.inOrder.called(work, call);
  noteLoop(work, call);
  if (stretch === undefined) {
    work.runs.called(call);
    return;
  }
  call.isBesidePutOff = !stretch.isExact && work.hasPutOff;
  if (!stretch.cause.isServer) stretch.cause.isFollowed = true;
  stretch.hasSent = true;
  if (stretch.cause.isServer && stretch.cause.isFinished && !stretch.isExact) return;
  stretch.calls.push(call);
  call.stretch = stretch;
}

/** The call goes out in the one callback that began with the read of a request. */
export function joinByCallback(call: TraceNode, stretch: Stretch): boolean {
  const { cause } = stretch;
  if (!stretch.isExact || stretch.isShared || !cause.isServer || cause.isDoubtful) return false;
  return decide(call, cause, "turn");
}

/**
 * A loop sends on one of its connections. Where there are several loops, and one that serves nothing calls while others serve, any
 * of them may call for what another one has read, and what it has read last itself says nothing.
 */
function noteLoop(work: ProcessWork, { unit, isWatched, start }: TraceNode): void {
  if (!isWatched || work.readingThreads < 2 || work.loopsCallForOthers) return;
  if (!unit!.isThread || !unit!.hasRead || unit!.unanswered > 0 || work.open.size === 0 || work.isInDoubt(start))
    return;
  work.loopsCallForOthers = true;
  work.held.takeAgreed();
}

/** `served` is answered in the stretch that the answer of a call began. */
export function joinByTurn(work: ProcessWork, served: TraceNode, stretch: Stretch, nowNs: number): void {
  const call = stretch.cause;
  if (call.isServer || call.start.order < served.start.order || work.loopsCallForOthers) return;
  const cause = causeOf(call);
  if (cause === undefined || stretch.isShared) {
    call.isDisputed = true;
    addCandidate(call, served, "reply_turn");
    return;
  }
  if (cause !== served) {
    call.isDisputed = true;
    stretch.isDisputed = true;
    differed(work);
    addCandidate(call, cause, "turn");
    addCandidate(call, served, "reply_turn");
    return;
  }
  // Timers answer, or let calls go on: what was read last by then says nothing.
  if (stretch.isDisputed || mayBeOfPutOff(call)) {
    addCandidate(call, served, "turn");
    return;
  }
  if (!stretch.hasAgreed) agreed(work);
  stretch.hasAgreed = true;
  if (work.turnCredit >= PROVEN) decideChain(work, call, served);
  else {
    addCandidate(call, served, "turn");
    work.held.untilProven(call, undecidedOf(call), served, nowNs);
  }
}

/** The two witnesses agree once more. @returns whether they are believed */
export function agreed(work: ProcessWork): boolean {
  work.turnCredit = Math.min(MAX_CREDIT, work.turnCredit + 1);
  if (work.turnCredit === PROVEN)
    for (const { call, served } of work.held.takeAgreed()) decideChain(work, call, served);
  return work.turnCredit >= PROVEN;
}

export function differed(work: ProcessWork): void {
  work.turnCredit = Math.max(-COST_OF_DIFFERENCE, work.turnCredit - COST_OF_DIFFERENCE);
  work.held.takeAgreed();
}

/** The request at the beginning of a chain: read, call, its answer, next call, ... */
export function causeOf(call: TraceNode): TraceNode | undefined {
  let at: TraceNode | undefined = causeIn(call.stretch);
  for (let depth = 0; at !== undefined && !at.isServer && depth < MAX_CHAIN; depth++) {
    at = at.isDecided ? at.parent : causeIn(at.stretch);
  }
  return at?.isServer ? at : undefined;
}

/** undefined: one read brought several requests. */
function causeIn(stretch: Stretch | undefined): TraceNode | undefined {
  return stretch === undefined || stretch.isShared ? undefined : stretch.cause;
}

/** One of the calls that lie between the request and `call`, or that one, may be another's, which was put off. */
export function mayBeOfPutOff(call: TraceNode): boolean {
  let at: TraceNode | undefined = call;
  for (let depth = 0; at !== undefined && !at.isServer && !at.isDecided && depth < MAX_CHAIN; depth++) {
    if (at.isBesidePutOff) return true;
    at = causeIn(at.stretch);
  }
  return false;
}

/** But for what units make that were there before the request: what they read in its turn may be their own. */
export function decideChain(work: ProcessWork, call: TraceNode, served: TraceNode): void {
  for (const member of undecidedOf(call)) if (!isMadeForOthers(work, member, served)) decide(member, served, "turn");
}

/** Of the calls of the chain that ends with `call`, and of those that went out beside them: as far as `causeOf` looks. */
export function undecidedOf(call: TraceNode): TraceNode[] {
  const found: TraceNode[] = [];
  for (let at = stretchOf(call), depth = 0; at !== undefined && depth < MAX_CHAIN; at = stretchBefore(at), depth++) {
    for (const sibling of at.calls) if (!sibling.isDecided && isOfStretch(sibling, at)) found.push(sibling);
  }
  return found;
}

/** Who is answered has waited for all that went out for it: not for what goes on, or has let another one be answered. */
function isOfStretch({ isFinished, isBesidePutOff, isDisputed }: TraceNode, { isExact }: Stretch): boolean {
  return isExact || (isFinished && !isBesidePutOff && !isDisputed);
}

/** Is any of them not decided? */
export function hasUndecided(call: TraceNode): boolean {
  for (let at = stretchOf(call), depth = 0; at !== undefined && depth < MAX_CHAIN; at = stretchBefore(at), depth++) {
    for (const sibling of at.calls) if (!sibling.isDecided) return true;
  }
  return false;
}

/** What lies before a call whose request is known may be another's: a queue has let it go on. */
function stretchBefore({ cause }: Stretch): Stretch | undefined {
  return cause.isDecided ? undefined : stretchOf(cause);
}

/** Where a call went out, if that is one cause's. */
function stretchOf({ isServer, stretch }: TraceNode): Stretch | undefined {
  return isServer || stretch === undefined || stretch.isShared ? undefined : stretch;
}
