/**
 * Evidence `creator` where it shows late for which request a unit was made: a task of asyncio does not read what it serves,
 * it only writes the answer. So the calls of what it makes, itself or through others, are kept until it answers; then those
 * are the request's whose makers were made since it was read. Behind the answer, those that were made before it.
 */

import { CauseKind, type UnitEdgeEvent, UnitKind } from "../../../bpf/layout.gen.ts";
import { makeRoom } from "../../../make-room.ts";
import type { EventMeta } from "../../event-meta.ts";
import type { TraceNode } from "../trace-node.ts";
import { unitKey } from "../unit.ts";
import { AFTER_ANSWER_NS } from "./last-answers.ts";

const MAX_MADE = 16_384;
const MAX_GENERATIONS = 8;
const MAX_MAKERS = 4096;
/** By units that were at one address after the other: it comes back at once. */
const MAX_ANSWERS = 64;
const MAX_CALLS = 1024;
const FIRST_SWEEP = 64;
/** Of one maker, since it has answered last. */
const MAX_WORKS = 16;

/** How a unit was made. */
export interface Creation {
  /** Key of the unit that made it. */
  readonly maker: number;
  /** Of the maker's own creation, which tells it from others at the same address; 0: it was not seen. */
  readonly makerCreation: number;
  readonly madeNs: number;
  /** In the order of all events. */
  readonly order: number;
  /** Equal: made to run the same function; 0: not known. */
  readonly work: number;
  /** It has made a call itself. */
  hasCalled: boolean;
  /** Requests that units which it has made have answered. */
  answers: number;
}

interface MadeCall {
  readonly call: TraceNode;
  /** By the maker: of the unit that calls, or of one that has made it. */
  readonly creation: Creation;
  /** What the unit that calls was made to run. */
  readonly work: number;
}

interface Answered {
  readonly served: TraceNode;
  readonly makerCreation: number;
  readonly untilNs: number;
  /** Orders of the events between which the unit was at it. */
  readonly since: number;
  readonly until: number;
}

interface Waiting {
  calls: MadeCall[];
  sweepAt: number;
}

/** Of the units of one process. Bounded. */
export class Lineage {
  readonly #creations = new Map<number, Creation>();
  /** By the key of a maker; what it has answered, oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #answered = new Map<number, Answered[]>();
  /** By the key of a maker: what it has made since its last answer. */
  readonly #made = new Map<number, Creation[]>();
  /** By the key of a unit: order of the end of its last answer, also where that is forgotten with what else it was. */
  readonly #lastEnds = new Map<number, number>();

  add({ header, fromId, unitKind, fromCreation, toId, work }: UnitEdgeEvent, order: number): void {
    // Told twice: the first time tells when it was.
    if (this.#creations.has(toId)) return;
    makeRoom(this.#creations, MAX_MADE);
    const maker = unitKey(unitKind, fromId);
    const makerCreation = fromCreation;
    const creation = { maker, makerCreation, madeNs: header.timestampNs, order, work, hasCalled: false, answers: 0 };
    this.#creations.set(toId, creation);
    if (work === 0) return;
    const made = this.#made.get(maker);
    if (made === undefined) {
      makeRoom(this.#made, MAX_MAKERS);
      this.#made.set(maker, [creation]);
    } else {
      if (made.length >= MAX_WORKS) made.shift();
      made.push(creation);
    }
  }

  /** What the units run that `maker` has made for `served`, at which it has been since, and which it answers with `meta`. */
  worksMade(maker: number, served: TraceNode, since: number, meta: EventMeta): readonly number[] {
    const made = this.#made.get(maker) ?? [];
    this.#made.delete(maker);
    const isOwn = (each: Creation) =>
      isMadeWhileAt(each, served, since, creationOf(meta)) && !isWrittenBefore(meta, each.madeNs);
    return made.filter(isOwn).map(({ work }) => work);
  }

  /** undefined: it was not seen. */
  creation(id: number): Creation | undefined {
    return this.#creations.get(id);
  }

  /** The unit of this creation makes a call. */
  called(creation: number): void {
    const made = this.#creations.get(creation);
    if (made !== undefined) made.hasCalled = true;
  }

  /**
   * The maker, or one that has made it, runs the same function and has made its call: so goes on whoever is done with one
   * job and takes the next one from a queue, which is another request's.
   */
  isHandedOn({ fromCreation, work }: UnitEdgeEvent): boolean {
    for (const maker of this.of(fromCreation)) if (maker.work === work && maker.hasCalled) return true;
    return false;
  }

  /** How a unit was made, then its maker, and so on. */
  *of(creation: number): Generator<Creation> {
    let at = this.#creations.get(creation);
    for (let generation = 0; at !== undefined && generation < MAX_GENERATIONS; generation++) {
      yield at;
      at = at.makerCreation === 0 ? undefined : this.#creations.get(at.makerCreation);
    }
  }

  /** The call waits for an answer of the maker. */
  wait(made: MadeCall): void {
    const { maker } = made.creation;
    let waiting = this.#waiting.get(maker);
    if (waiting === undefined) {
      makeRoom(this.#waiting, MAX_MAKERS);
      waiting = { calls: [], sweepAt: FIRST_SWEEP };
      this.#waiting.set(maker, waiting);
    }
    waiting.calls.push(made);
    if (waiting.calls.length < waiting.sweepAt) return;
    waiting.calls = waiting.calls.filter((each) => !each.call.isDecided).slice(-MAX_CALLS);
    waiting.sweepAt = Math.max(FIRST_SWEEP, 2 * waiting.calls.length);
  }

  /** `maker` answers `served` with `meta`, at which it has been since: the calls of what it has made meanwhile. */
  take(maker: number, served: TraceNode, since: number, meta: EventMeta): readonly MadeCall[] {
    const waiting = this.#waiting.get(maker);
    if (waiting === undefined) return [];
    const makerCreation = creationOf(meta);
    const sinceEnd = Math.max(since, this.#lastEnds.get(maker) ?? -1);
    const taken: MadeCall[] = [];
    const left: MadeCall[] = [];
    for (const each of waiting.calls) {
      const { call, creation } = each;
      if (call.isDecided) continue;
      // A making that is told late is told among what came after it.
      const isOwn = isMadeWhileAt(creation, served, sinceEnd, makerCreation) && call.start.order <= meta.order;
      (isOwn && !isWrittenBefore(meta, creation.madeNs) ? taken : left).push(each);
    }
    if (left.length === 0) this.#waiting.delete(maker);
    else waiting.calls = left;
    return taken;
  }

  hasAnswered(unit: number): boolean {
    return this.#lastEnds.has(unit);
  }

  /** `maker` has written the end of the answer with `meta`. @param isBelieved it was at that since */
  answered(maker: number, served: TraceNode, since: number, meta: EventMeta, isBelieved: boolean): void {
    if (this.#creations.size === 0) return;
    this.#lastEnds.delete(maker);
    makeRoom(this.#lastEnds, MAX_MADE);
    this.#lastEnds.set(maker, meta.order);
    if (served.isDoubtful || !isBelieved) return;
    const answers = this.#answered.get(maker) ?? [];
    this.#answered.delete(maker);
    for (const [key, earlier] of this.#answered) {
      const endNs = earlier.at(-1)!.served.endNs;
      if (this.#answered.size < MAX_MAKERS && meta.timestampNs - endNs <= AFTER_ANSWER_NS) break;
      this.#answered.delete(key);
    }
    if (answers.length >= MAX_ANSWERS) answers.shift();
    answers.push({
      served,
      makerCreation: creationOf(meta),
      untilNs: writtenNs(meta),
      since,
      until: meta.order,
    });
    this.#answered.set(maker, answers);
  }

  /** The request that the maker was at when it made this, if it has answered it by now. */
  answeredOf({ maker, makerCreation, madeNs, order }: Creation): TraceNode | undefined {
    const isIt = ({ served, ...each }: Answered) =>
      isSameUnit(makerCreation, madeNs, each.makerCreation) &&
      order >= each.since &&
      order <= each.until &&
      madeNs >= served.start.timestampNs &&
      madeNs <= each.untilNs;
    return this.#answered.get(maker)?.find(isIt)?.served;
  }

  /** What the unit of this creation has answered last; others may be at its address by now. */
  lastAnswerOf(maker: number, makerCreation: number): TraceNode | undefined {
    const answers = this.#answered.get(maker);
    const last = answers?.findLast((each) => each.makerCreation === makerCreation);
    // One whose creation was not seen is known by its address alone.
    return makerCreation === 0 && last !== answers?.at(-1) ? undefined : last?.served;
  }

  /** Events are missing: what is answered may not be what it seems. */
  forget(): void {
    this.#answered.clear();
    this.#waiting.clear();
    this.#made.clear();
  }
}

/**
 * Of two units at one address: the one that was created as `creation` did something at `atNs`, the one created as `current`
 * is there now. Since that one was made it holds the address; other threads than its maker's do not see so at once.
 */
export function isSameUnit(creation: number, atNs: number, current: number): boolean {
  return creation === current || (creation < current && current <= atNs);
}

/**
 * The next request of the connection was there by then: whoever has answered the one before it may begin it, and write later
 * what it has answered, so that what it makes need not be for `served` (uvicorn, Daphne).
 */
export function mayBeForNext({ order }: Creation, { behindOrder }: TraceNode): boolean {
  return behindOrder >= 0 && order > behindOrder;
}

/** It was made since `since`, when its maker, that of this creation, was at `served`. */
function isMadeWhileAt(creation: Creation, served: TraceNode, since: number, makerCreation: number): boolean {
  return (
    isSameUnit(creation.makerCreation, creation.madeNs, makerCreation) &&
    creation.order >= since &&
    creation.madeNs >= served.start.timestampNs
  );
}

/** When the program wrote what it sends with `meta`: a loop may send it later (bpf/unit/put_off.bpf.h). */
export function writtenNs({ unitKind, causeKind, unitCount, timestampNs }: EventMeta): number {
  const isPutOff = unitKind === UnitKind.pythonContext && causeKind === CauseKind.creation && unitCount > 0;
  return isPutOff ? unitCount : timestampNs;
}

/** What is sent with `meta` was written before that, and put off until now. */
export function isWrittenBefore(meta: EventMeta, atNs: number): boolean {
  const atWriteNs = writtenNs(meta);
  return atWriteNs < meta.timestampNs && atWriteNs < atNs;
}

/** Of the unit that made an event, where its creation was seen; else 0. */
export function creationOf({ causeKind, causeId }: EventMeta): number {
  return causeKind === CauseKind.creation ? causeId : 0;
}

/** The call is made by a unit that was made since the process began to serve, and before this request came. */
export function isMadeForOthers(
  { servesSinceNs }: { readonly servesSinceNs: number },
  { start }: TraceNode,
  served: TraceNode,
): boolean {
  const madeNs = creationOf(start);
  return madeNs >= servesSinceNs && madeNs < served.start.timestampNs;
}
