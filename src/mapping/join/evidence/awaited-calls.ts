/**
 * Of requests that several reads of one connection have brought, the one that a task is at (tokio): the first that is not
 * answered. Whether an answer is among what got lost shows when the next one is written, so what the task waits for is told
 * by the request's answer.
 *
 * Lies where a task goes on to the next request although the answer of the one before is not yet written (a client that
 * does not read fills the socket). Then answers go out together or in parts: behind such a one nobody is believed, nor are
 * calls that were made when the answer had begun.
 */
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import type { TraceNode } from "../trace-node.ts";
import { isAnsweredInOrder, type Unit } from "../unit.ts";

/** `unit` has waited for the call, and has read more than one request. */
export function awaitedBy(unit: Unit, call: TraceNode): void {
  const served = unit.open[0]!;
  if (unit.isShared || served.isDoubtful || served.answerOrder >= 0 || !unit.open.every(isAnsweredInOrder)) return;
  if (served.isPipelined && !served.hasSureTurn) return;
  if (call.start.order < Math.max(served.start.order, served.turnOrder)) return;
  served.awaited ??= [];
  served.awaited.push(call);
}

/** `served` begins to be answered: whether the next answer goes out with it shows behind it. */
export function joinAwaited(work: ProcessWork, served: TraceNode, meta: EventMeta): void {
  const calls = served.awaited;
  served.awaited = undefined;
  if (calls === undefined || work.isInDoubt(meta)) return;
  for (const call of calls) work.late.hold(call, served, "waker", meta.timestampNs, () => !served.isWithNext);
}
