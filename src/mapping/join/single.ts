/**
 * Evidence: while the call was made, and until the answer, the process served one request only.
 *
 * Proves: nothing else was there to cause it, unless the process makes such calls on its own account or serves what
 * nobody can read (TLS); both are watched, and the call must lie inside the request in time.
 */
import type { ProcessWork } from "./process-work.ts";
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";

export function joinSingle(work: ProcessWork, served: TraceNode): void {
  if (work.hasHidden || work.open.size !== 1 || !work.open.has(served)) return;
  for (const call of work.undecided) {
    if (call.isDecided || !call.isFinished) continue;
    if (call.start.order <= work.openSince || work.isBackground(call.destination)) continue;
    decide(call, served, "single");
  }
}
