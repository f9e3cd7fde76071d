/** How the answers of one connection go out whose requests came together. */
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import type { TraceNode } from "../trace-node.ts";
import { unitKindOf } from "../unit.ts";

/** Bytes of the answer of `served` are written. @returns they are its first */
export function answerBegins(work: ProcessWork, served: TraceNode, meta: EventMeta): boolean {
  if (served.answerOrder >= 0) return false;
  served.answerOrder = meta.order;
  served.answerPid = meta.pid;
  const { before } = served;
  served.before = undefined;
  if (before !== undefined && mayHaveWaited(work, served, before, meta)) {
    before.isWithNext = true;
    work.inOrder.differed();
  }
  return true;
}

/** It may have been ready before the answer of the request before it went out. */
function mayHaveWaited(work: ProcessWork, { turnOrder }: TraceNode, before: TraceNode, meta: EventMeta): boolean {
  if (turnOrder === meta.order) return true;
  const isThread = unitKindOf(meta) === 0 && before.answerPid === meta.pid;
  return isThread && work.logOf(meta.pid).lastReadOrder <= turnOrder;
}
