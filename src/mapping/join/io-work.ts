/**
 * Reads and writes of files: which request they were made for. The evidence is that of calls, and simpler where a call
 * that sleeps says more: for as long as it takes, its thread does nothing else.
 *
 * - `unit`: the unit that made it has read exactly one request. Known at once.
 * - `thread`, `answer_unit`: the one request that is open on this thread or unit is answered by it afterwards.
 * - `answer_thread`: a worker answers what another thread has read, and has done so before.
 * - `turn`: between it and the answer the thread has read nothing, and what it read before is this request, or the answer of a
 *   call that is known to be this request's.
 * - `single`: the process served this one request only, and does no such work on its own account.
 *
 * What began before the request was read is never its.
 */
import type { EventMeta } from "../event-meta.ts";
import { isProvenWorker } from "./evidence/hindsight.ts";
import type { ProcessWork } from "./process-work.ts";
import type { Stretch } from "./thread-log.ts";
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";
import type { Unit } from "./unit.ts";

const MAX_PENDING = 256;
/** One event of the process's own in so many of requests may be one whose request was lost. */
const RARE = 20;

interface PendingIo {
  readonly node: TraceNode;
  readonly stretch: Stretch | undefined;
}

export class IoWork {
  readonly #pending: PendingIo[] = [];
  /** Done while nothing was served; and while requests were alone. */
  #background = 0;
  #alone = 0;

  /** @returns one that had to be given up for it */
  done(work: ProcessWork, node: TraceNode): TraceNode | undefined {
    const unit = node.unit!;
    if (work.open.size === 0) {
      this.#background++;
      decide(node, undefined, undefined);
      return undefined;
    }
    const served = unit.serving;
    if (served !== undefined) {
      decide(node, liesIn(node, served) ? served : undefined, "unit");
      return undefined;
    }
    this.#pending.push({ node, stretch: work.logOf(node.start.pid).stretchAt(node.start) });
    return this.#pending.length > MAX_PENDING ? this.#pending.shift()!.node : undefined;
  }

  /** The answer of `served` is being written by `answering`, in `stretch` of its thread. */
  joinByAnswer(
    work: ProcessWork,
    served: TraceNode,
    answering: Unit,
    stretch: Stretch | undefined,
    meta: EventMeta,
  ): void {
    if (this.#pending.length === 0) return;
    for (const { node, stretch: own } of this.#pending) {
      if (node.isDecided || !liesIn(node, served)) continue;
      const evidence =
        unitEvidence(work, node, served, answering, meta) ??
        (own !== undefined && own === stretch && isInTurn(work, node, own, served) ? "turn" : undefined) ??
        (this.#isSingle(work, node, served, answering, meta) ? "single" : undefined);
      if (evidence !== undefined) decide(node, served, evidence);
    }
    this.#drop(({ node }) => node.isDecided);
  }

  /** Done before any request that is still open: nobody is left who could claim it. */
  giveUp(oldestOrder: number): void {
    if (this.#pending.length === 0) return;
    for (const { node } of this.#pending) if (node.start.order < oldestOrder) decide(node, undefined, undefined);
    this.#drop(({ node }) => node.isDecided);
  }

  #isSingle(work: ProcessWork, node: TraceNode, served: TraceNode, answering: Unit, meta: EventMeta): boolean {
    if (work.hasHidden || work.isInDoubt(meta) || work.open.size !== 1 || !work.open.has(served)) return false;
    if (work.openSince > node.start.order) return false;
    if (node.unit === answering || node.unit === served.unit) return true;
    this.#alone++;
    return this.#background * RARE <= this.#alone;
  }

  #drop(isOver: (pending: PendingIo) => boolean): void {
    let kept = 0;
    for (const pending of this.#pending) if (!isOver(pending)) this.#pending[kept++] = pending;
    this.#pending.length = kept;
  }
}

function liesIn(node: TraceNode, served: TraceNode): boolean {
  return node.start.order > served.start.order && node.start.timestampNs >= served.start.timestampNs;
}

function unitEvidence(
  work: ProcessWork,
  node: TraceNode,
  served: TraceNode,
  answering: Unit,
  meta: EventMeta,
): string | undefined {
  if (node.unit !== answering || answering.isShared || node.start.order < answering.lastAnswerOrder) return undefined;
  if (!answering.isThread) return "answer_unit";
  if (work.areThreadsInDoubt(meta) || work.handsOver) return undefined;
  if (served.unit === answering) return answering.open.length === 1 ? "thread" : undefined;
  return isProvenWorker(work, answering) && served.unit?.isThread ? "answer_thread" : undefined;
}

/** A loop that puts work off, or a unit that is known, is not asked for its turns. */
function isInTurn(work: ProcessWork, node: TraceNode, { cause }: Stretch, served: TraceNode): boolean {
  if (!node.unit!.isThread || work.turnCredit < 0) return false;
  return cause === served || (!cause.isServer && cause.isDecided && cause.parent === served);
}
