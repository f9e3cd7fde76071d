/**
 * Evidence: what an event loop does between two reads is caused by the first of them.
 *
 * Two independent witnesses: the request read last before the call was sent, and the request answered first after the
 * call's own answer was read, both on the same thread and (where turns are known) in the same turn. Each alone lies as
 * soon as timers and queues lie between; together they are believed where they have agreed in this process.
 * A connection's first request says nothing: it waited for the connection, and goes out in another turn.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { ProcessWork } from "./process-work.ts";
import type { Stretch } from "./thread-log.ts";
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";

/** So many agreements without a difference, and a difference costs so many. */
const PROVEN = 16;
const COST_OF_DIFFERENCE = 64;
const MAX_CREDIT = 64;
const MAX_CHAIN = 64;

/** Runtimes that run a unit on any of several threads: what a thread read last says nothing of what it sends next. */
const MOVES_BETWEEN_THREADS: readonly number[] = [UnitKind.goroutine, UnitKind.tokioTask, UnitKind.jvmVirtualThread];

/**
 * A thread reads the next message. Where the request before it was left with neither a call nor an answer, the process
 * puts work off (timers, promises, pools), and what it sends next is for whom nobody knows.
 */
export function learnFromRead(work: ProcessWork, previous: Stretch | undefined): void {
  const cause = previous?.cause;
  if (cause === undefined || !cause.isServer || cause.isFinished || previous!.hasSent) return;
  work.turnCredit = Math.max(-COST_OF_DIFFERENCE, work.turnCredit - COST_OF_DIFFERENCE);
}

/** The call goes out in `stretch`. @param isFirst on its connection */
export function noteSent(call: TraceNode, stretch: Stretch | undefined, isFirst: boolean): void {
  if (stretch !== undefined) stretch.hasSent = true;
  if (MOVES_BETWEEN_THREADS.includes(call.unit?.kind ?? UnitKind.none)) return;
  if (stretch === undefined || isFirst || (stretch.cause.isServer && stretch.cause.isFinished)) return;
  stretch.calls.push(call);
  call.stretch = stretch;
}

/** `served` is answered in the stretch that the answer of a call began. */
export function joinByTurn(work: ProcessWork, served: TraceNode, stretch: Stretch | undefined): void {
  const call = stretch?.cause;
  if (stretch !== undefined) stretch.hasSent = true;
  if (call === undefined || call.isServer || call.start.order < served.start.order) return;
  const cause = causeOf(call);
  if (cause === undefined) {
    addCandidate(call, served, "reply_turn");
    return;
  }
  if (cause !== served) {
    work.turnCredit = Math.max(-COST_OF_DIFFERENCE, work.turnCredit - COST_OF_DIFFERENCE);
    addCandidate(call, cause, "turn");
    addCandidate(call, served, "reply_turn");
    return;
  }
  work.turnCredit = Math.min(MAX_CREDIT, work.turnCredit + 1);
  if (work.turnCredit < PROVEN) addCandidate(call, served, "turn");
  else decideChain(call, served);
}

/** The request at the beginning of a chain: read, call, its answer, next call, ... */
function causeOf(call: TraceNode): TraceNode | undefined {
  let at: TraceNode | undefined = call.stretch?.cause;
  for (let depth = 0; at !== undefined && !at.isServer && depth < MAX_CHAIN; depth++) at = at.stretch?.cause;
  return at?.isServer ? at : undefined;
}

/** All calls of the chain that ends with `call`, and those that went out beside them. */
function decideChain(call: TraceNode, served: TraceNode): void {
  let at: TraceNode | undefined = call;
  while (at !== undefined && !at.isServer) {
    const stretch: Stretch | undefined = at.stretch;
    if (stretch === undefined) return;
    for (const sibling of stretch.calls) decide(sibling, served, "turn");
    at = stretch.cause;
  }
}

function addCandidate(call: TraceNode, node: TraceNode, evidence: string): void {
  if (call.isDecided) return;
  call.candidates ??= [];
  if (call.candidates.length < 4 && !call.candidates.some((other) => other.node === node)) {
    call.candidates.push({ node, evidence });
  }
}
