/**
 * Evidence: while the call was made, and until the answer, the process served one request only.
 *
 * Proves: nothing else was there to cause it, unless the process makes such calls on its own account or serves what
 * nobody can read (TLS), or goes on with what was answered before. All three are watched: a destination that is called
 * while nothing is served (for calls of the thread that serves: by threads that read requests), or in few of the requests
 * that are alone, is not believed, nor one that was never called in a request that came when the process had been quiet
 * for a while; and the call must lie inside the request in time, or be of the very thread that reads and answers: who
 * gives up a call closes its connection, whose end is told later. What may be a rest of an earlier request is left alone
 * (rests.ts), and what makes a connection ready for others (connection-setup.ts). Nor is a unit believed that is known to
 * have been made while earlier requests were served: it may go on for one of them.
 */
import { UnitKind } from "../../../bpf/layout.gen.ts";
import { isSetUp } from "../doubt/connection-setup.ts";
import { isQuiet } from "../doubt/rests.ts";
import type { ProcessWork } from "../process-work.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import { isMadeForOthers } from "./lineage.ts";

/** Of the requests that were alone so far, counting this one as if it were the first of many. */
const PATTERN_SHARE = 0.5;
/** So many lone requests must have made such a call before a request that was not always alone is believed. */
const PROVEN = 2;
const MAX_QUIET_DESTINATIONS = 256;

/** The answer of `served` is being written. @param isEnd the request is over with it */
export function joinSingle(work: ProcessWork, served: TraceNode, isEnd: boolean): void {
  if (work.hasHidden || work.open.size !== 1 || !work.open.has(served)) return;
  const isAlone = work.openSince <= served.start.order;
  const isAfterQuiet = isAlone && isQuiet(served.start.timestampNs, served.quietSinceNs);
  const seen = isAlone && isEnd ? new Set<string>() : undefined;
  for (const call of work.undecided) {
    if (call.start.order <= work.openSince || call.start.order < served.start.order) continue;
    const isOwn = isOfItsThread(call, served);
    if ((!call.isFinished && !isOwn) || isSetUp(call)) continue;
    seen?.add(call.destination);
    if (isAfterQuiet) addQuiet(work, call.destination);
    if (call.isDecided || isMadeForOthers(work, call, served)) continue;
    // A thread that sleeps in its reads has done with one request before it reads the next.
    if (!(isOwn && served.start.isBlocking) && work.rests.mayBeOfEarlier(served, call.destination)) continue;
    if (work.isBackground(call.destination, isOwn ? work.readersBackground : work.background)) continue;
    if (isPattern(work, call.destination, isAlone && call.isFinished)) decide(call, served, "single");
  }
  if (seen === undefined) return;
  work.aloneRequests++;
  for (const destination of seen) {
    work.rests.lone(served, destination);
    work.aloneCalls.add(destination);
  }
}

/** One that is given up is over before anybody sees it. Node's callbacks tell more. */
function isOfItsThread(call: TraceNode, served: TraceNode): boolean {
  return call.unit === served.unit && served.unit?.isThread === true && call.start.unitKind !== UnitKind.nodeAsync;
}

function addQuiet(work: ProcessWork, destination: string): void {
  if (work.quietCalls.size < MAX_QUIET_DESTINATIONS) work.quietCalls.add(destination);
}

/** @param isSure the request was alone from its beginning, and the call is over: it is its own */
function isPattern(work: ProcessWork, destination: string, isSure: boolean): boolean {
  if (!work.quietCalls.has(destination)) return false;
  const count = work.aloneCalls.of(destination);
  if (!isSure && count < PROVEN) return false;
  return count + 1 >= (work.aloneRequests + 1) * PATTERN_SHARE;
}
