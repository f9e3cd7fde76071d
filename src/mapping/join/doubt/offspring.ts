/**
 * Doubt of evidence `creator`: what a request has created may serve others too. Workers of a pool are made by whoever finds
 * none idle, or all at once by the first who needs them; actors, batchers and pings by the first who needs one. Then they
 * stay.
 *
 * A unit's first call is why it was made, where requests make units of their own (makers.ts). Further calls may be for
 * others: they are told when the request is answered, if all that it has made is done by then and that was so for a few
 * requests. A unit that goes on calling behind the answer costs many, and the trust in first calls too.
 *
 * Where the runtime shows what a unit was made to run, that is counted for each such function by itself.
 *
 * Behind the answer a call waits for a moment, in which a worker would call again, so that only a unit that has made no
 * other call is believed; and where the unit that has made it serves another request by then, it may have been made for
 * the connection. Both are believed all the same where nearly all requests of that moment make units of their own; several
 * calls where nearly all of these units make as many, without a pause.
 */
import { setBounded } from "../../../make-room.ts";
import type { CreatedFor } from "../evidence/creators.ts";
import { AFTER_ANSWER_NS } from "../evidence/last-answers.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import type { LateJoins } from "./late-joins.ts";
import { Makers } from "./makers.ts";
import { MakingTurns } from "./making-turns.ts";

const MAX_UNITS = 4096;
const MAX_KINDS = 256;
const PROVEN = 3;
const MAX_AWAITED = 256;
const MAX_CREDIT = 64;
const COST_OF_OUTLIVING = 64;
/** What a unit does one after the other for one request, it does without such a pause, and is silent for as long when it is done. */
const PAUSE_NS = 1_000_000_000;
/** So long it may go on, and so long a call behind the answer waits for those of the requests that were answered about then. */
const LATEST_NS = 3_000_000_000;

interface Child {
  readonly served: TraceNode;
  readonly work: number;
  readonly turnOf: number | undefined;
  readonly isOfFresh: boolean;
  readonly toldNs: number | undefined;
  /** Calls, as far as they are not over. */
  calls: TraceNode[];
  /** Of these, what waits to be believed. */
  waiting: TraceNode[];
  callCount: number;
  /** The kind of its first call, as long as that is not shown. */
  awaited: string;
  /** Of its first call. */
  readonly sinceNs: number;
  last: TraceNode | undefined;
  /** It has paused between its calls. */
  hasPaused: boolean;
}

export class Offspring {
  readonly #late: LateJoins;
  /** By the key of the unit; the oldest is forgotten first. */
  readonly #children = new Map<number, Child>();
  readonly #byServed = new Map<TraceNode, Child[]>();
  /** Requests of which a unit is forgotten: what else they have made can't be told from it. */
  readonly #forgotten = new WeakSet<TraceNode>();
  readonly #makers = new Makers();
  readonly turns = new MakingTurns();
  /** Units have been made by others. */
  areMade = false;
  /** Kinds of which first calls may wait; when it is full, so may those of any other. */
  readonly #awaited = new Set<string>();
  /** By the function that units run: grows where all that a request has made is done when it is answered. */
  readonly #credits = new Map<number, number>();

  constructor(late: LateJoins) {
    this.#late = late;
  }

  /** A unit calls for whom nobody knows: if it was made for a request, it serves others too. */
  callsFor(unit: number, call: TraceNode): void {
    const { destination, start } = call;
    const child = this.#children.size > 0 ? this.#children.get(unit) : undefined;
    if (child === undefined || !child.served.isFinished) return;
    addCall(child, call);
    this.#outlived(child, destination, start.timestampNs);
  }

  /** The call is made by a unit that was created for `served`, which is open. @returns whether it is decided */
  joinOpen(call: TraceNode, unit: number, created: CreatedFor): boolean {
    const { served } = created;
    if (this.#forgotten.has(served)) return false;
    const nowNs = call.start.timestampNs;
    const child = this.#childOf(unit, created, nowNs);
    child.calls = child.calls.filter(({ isFinished }) => !isFinished);
    child.calls.push(call);
    addCall(child, call);
    if (child.callCount === 1) {
      const kind = kindOf(child, call.destination);
      if (this.#makers.isShown(kind, nowNs)) return this.#believe(call, child, nowNs);
      child.awaited = kind;
      if (this.#awaited.size < MAX_AWAITED) this.#awaited.add(kind);
    }
    child.waiting.push(call);
    return false;
  }

  /**
   * @param hasReadOn the unit that has made this one has read another request since, or may have
   * @param isStill asked at the end of the wait: what it has answered is still believed to be what it was at
   */
  joinAnswered(
    call: TraceNode,
    unit: number,
    created: CreatedFor,
    hasReadOn: boolean,
    isStill: (nowNs: number) => boolean,
  ): void {
    const { served } = created;
    if (this.#forgotten.has(served)) return;
    const { destination, start } = call;
    const child = this.#childOf(unit, created, start.timestampNs);
    addCall(child, call);
    if (child.callCount > 1) this.#outlived(child, destination, start.timestampNs);
    this.#makers.add(kindOf(child, destination), served, child.callCount, start.timestampNs);
    this.#hold(call, child, start.timestampNs, hasReadOn, isStill);
  }

  /** Units that run these were made for `served`. */
  made(served: TraceNode, works: readonly number[]): void {
    for (const work of works) if (work !== 0) this.#makers.made(served, work);
  }

  /** What has made the call was created for a request: whether it is for that one shows later. */
  isWaiting(call: TraceNode): boolean {
    return this.#children.get(call.unit?.key ?? 0)?.waiting.includes(call) === true;
  }

  /** The request is answered, or never will be. */
  closed(served: TraceNode): void {
    if (this.areMade) this.#makers.answered(served);
    const children = this.#byServed.get(served);
    if (children === undefined) return;
    this.#byServed.delete(served);
    if (served.isDoubtful) return;
    const areDone = new Map<number, boolean>();
    for (const child of children) {
      const underWay = child.calls.find(({ isFinished }) => !isFinished);
      areDone.set(child.work, underWay === undefined && areDone.get(child.work) !== false);
      if (underWay !== undefined && child.callCount > 1) this.#outlived(child, underWay.destination, served.endNs);
    }
    for (const [work, isDone] of areDone)
      if (isDone) this.#setCredit(work, Math.min(MAX_CREDIT, this.#creditOf(work) + 1));
    for (const child of children) {
      // Not earlier: until now its unit may have called for another request.
      if (child.awaited !== "" && this.#makers.add(child.awaited, served, child.callCount, served.endNs))
        this.#shown(child.awaited, served.endNs);
      this.#closed(child);
    }
  }

  #closed(child: Child): void {
    const { served, work } = child;
    const isProven = () => this.#creditOf(work) >= PROVEN;
    for (const call of child.waiting.splice(0)) {
      if (child.callCount === 1) this.#hold(call, child, served.endNs, false);
      else if (isProven()) this.#believe(call, child, served.endNs);
      else if (this.#creditOf(work) > 0) {
        const isShown = (endNs: number) => isProven() && this.#isSure(child, endNs);
        this.#late.hold(call, served, "creator", served.endNs, isShown);
      }
    }
  }

  /** @returns whether it is decided */
  #believe(call: TraceNode, child: Child, nowNs: number): boolean {
    const { toldNs } = child;
    if (child.turnOf === undefined && toldNs === undefined) return decide(call, child.served, "creator");
    // What it rests on may show to be wrong for a moment from when it was told.
    this.#late.hold(call, child.served, "creator", toldNs ?? nowNs, (endNs) => this.#isSure(child, endNs));
    return false;
  }

  #isSure({ turnOf, served, isOfFresh }: Child, nowNs: number): boolean {
    // Answers that are kept back, and go out together, do not tell when the next request was begun.
    return turnOf === undefined || (!served.isWithNext && this.turns.isSure(turnOf, nowNs, !isOfFresh));
  }

  #hold(
    call: TraceNode,
    child: Child,
    nowNs: number,
    hasReadOn: boolean,
    isStill: (nowNs: number) => boolean = () => true,
  ): void {
    const destination = kindOf(child, call.destination);
    const isInTime = call.start.timestampNs - child.sinceNs <= LATEST_NS;
    const isOnly = (endNs: number) => child.callCount === 1 && this.#makers.isShown(destination, endNs);
    const isShown = (endNs: number) => {
      if (!isStill(endNs) || !this.#isSure(child, endNs)) return false;
      if (isOnly(endNs) && (!hasReadOn || this.#makers.isUsualAbout(destination, child.work, child.served)))
        return true;
      if (!isInTime || child.hasPaused || !isSilent(child, endNs)) return false;
      return this.#makers.callsAreUsual(destination, child.callCount, child.served, !hasReadOn);
    };
    // Of a program that is behind with what follows its answers, the calls that would show it are still to come.
    const mayShow = (endNs: number) =>
      ((hasReadOn && isOnly(endNs)) || (child.callCount > 1 && isInTime && !child.hasPaused)) &&
      endNs - nowNs < LATEST_NS;
    this.#late.hold(call, child.served, "creator", nowNs, isShown, mayShow);
  }

  /** First calls that were waiting for it. */
  #shown(kind: string, nowNs: number): void {
    if (!this.#awaited.delete(kind) && this.#awaited.size < MAX_AWAITED) return;
    for (const children of this.#byServed.values()) {
      for (const child of children) {
        const first = child.callCount === 1 ? child.waiting[0] : undefined;
        if (first === undefined || kindOf(child, first.destination) !== kind) continue;
        for (const call of child.waiting.splice(0)) this.#believe(call, child, nowNs);
      }
    }
  }

  #childOf(unit: number, { served, work, turnOf, isOfFresh = false, toldNs }: CreatedFor, nowNs: number): Child {
    const known = this.#children.get(unit);
    if (known?.served === served) return known;
    this.expire(nowNs);
    if (this.#children.size >= MAX_UNITS) this.#forgetOldest();
    const child: Child = {
      served,
      work,
      turnOf,
      isOfFresh,
      toldNs,
      calls: [],
      waiting: [],
      callCount: 0,
      awaited: "",
      sinceNs: nowNs,
      last: undefined,
      hasPaused: false,
    };
    this.#children.set(unit, child);
    this.areMade = true;
    if (served.isFinished) return child;
    const siblings = this.#byServed.get(served);
    if (siblings !== undefined) siblings.push(child);
    else this.#byServed.set(served, [child]);
    return child;
  }

  /** Units whose requests are over for good. */
  expire(nowNs: number): void {
    for (const [unit, { served }] of this.#children) {
      if (!served.isFinished || nowNs - served.endNs <= AFTER_ANSWER_NS) return;
      this.#children.delete(unit);
    }
  }

  #forgetOldest(): void {
    const [unit, { served }] = this.#children.entries().next().value!;
    this.#children.delete(unit);
    // Whether it has outlived its request will not be known.
    this.#byServed.delete(served);
    this.#forgotten.add(served);
  }

  #outlived(child: Child, destination: string, nowNs: number): void {
    this.#setCredit(child.work, Math.max(-COST_OF_OUTLIVING, this.#creditOf(child.work) - COST_OF_OUTLIVING));
    this.#makers.doubt(kindOf(child, destination), nowNs);
  }

  #creditOf(work: number): number {
    return this.#credits.get(work) ?? 0;
  }

  #setCredit(work: number, credit: number): void {
    setBounded(this.#credits, work, credit, MAX_KINDS);
  }
}

function addCall(child: Child, call: TraceNode): void {
  child.callCount++;
  if (child.last !== undefined && isSilent(child, call.start.timestampNs)) child.hasPaused = true;
  child.last = call;
}

function isSilent({ last }: Child, nowNs: number): boolean {
  return last?.isFinished === true && nowNs - last.endNs >= PAUSE_NS;
}

/** What is learnt apart: units that run one function and call one destination. */
function kindOf({ work }: Child, destination: string): string {
  return work === 0 ? destination : `${destination} ${work}`;
}
