/**
 * Evidence `answer_unit` of tasks that have another one write the answer: `asyncio.wait_for` makes one up to CPython 3.11 (Quart).
 *
 * Proves: who was made when the request had been read, and has made the unit that answers it, was at it. Lies where a task
 * handles what several requests have left for it, and has each answered by another. So it is asked of tasks alone that run what
 * nobody runs but for one request (fresh-units.ts), and half a second later, by when the next answer would show.
 */
import { CauseKind, UnitKind } from "../../../bpf/layout.gen.ts";
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import type { TraceNode } from "../trace-node.ts";
import { idOfKey, isCallOf, kindOfKey } from "../unit.ts";
import { type Creation, creationOf, isWrittenBefore, writtenNs } from "./lineage.ts";

/** A unit that has made, itself or through others, the one that answers. */
export interface Through {
  readonly key: number;
  readonly creation: Creation;
  /** Of the answer, as if this unit had written it. */
  readonly meta: EventMeta;
}

/** Those that were made since the request was read, and its turn had come. */
export function* answersThrough(work: ProcessWork, served: TraceNode, meta: EventMeta): Generator<Through> {
  if (meta.unitKind !== UnitKind.pythonContext) return;
  const since = sinceOf(served);
  for (const { maker, makerCreation } of work.lineage.of(creationOf(meta))) {
    const creation = work.lineage.creation(makerCreation);
    if (creation === undefined || kindOfKey(maker) !== UnitKind.pythonContext) return;
    if (creation.order <= since || creation.madeNs < served.start.timestampNs) return;
    yield { key: maker, creation, meta: { ...meta, causeKind: CauseKind.creation, causeId: makerCreation } };
  }
}

/** Nobody has been seen to answer several requests by units that it has made and that run what this one runs. */
export function answersOne({ freshUnits }: ProcessWork, { work, answers }: Creation): boolean {
  return freshUnits.areProven(work) && answers <= 1;
}

/** The calls of these units wait until it is sure that they answer no other request. */
export function holdThrough(work: ProcessWork, served: TraceNode, { key, creation, meta }: Through): void {
  const unit = work.unitNamed(kindOfKey(key), idOfKey(key));
  for (const call of unit?.calls ?? []) {
    if (call.isHeld || !isCallOf(unit!, call, sinceOf(served), meta.order)) continue;
    if (creationOf(call.start) !== meta.causeId || isWrittenBefore(meta, writtenNs(call.start))) continue;
    work.late.hold(call, served, "answer_unit", meta.timestampNs, () => answersOne(work, creation));
  }
}

export function sinceOf({ start, turnOrder }: TraceNode): number {
  return Math.max(start.order, turnOrder);
}
