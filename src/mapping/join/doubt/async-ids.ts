/**
 * Veto: Node's ids of asynchronous resources (execution, trigger, counter) say that what made a call was there before
 * the request came, so the request is not its cause.
 *
 * Proves: ids are counted up, and the counter is read with every event, so an id that is not above the counter at the
 * request's read is older than the request. Only asked for calls that timers make: an interval, or a timer that was
 * set before. Elsewhere the trigger is often the connection, which is older than any request that it brings.
 */
import { TurnPhase, UnitKind } from "../../../bpf/layout.gen.ts";
import type { TraceNode } from "../trace-node.ts";

export function isTimerOlderThan(call: TraceNode, served: TraceNode): boolean {
  const { unitKind, unitParent, turnId, pid } = call.start;
  if (unitKind !== UnitKind.nodeAsync || unitParent === 0 || turnId % 4 !== TurnPhase.other) return false;
  return served.start.pid === pid && unitParent <= served.start.unitCount;
}
