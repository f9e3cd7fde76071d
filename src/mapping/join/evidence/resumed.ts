/**
 * Evidence: where the answer of a call is read, the async function that goes on was started for the request (hindsight).
 *
 *     callback 41   R read: handler()  awaits        its owner is callback 41, so R
 *     callback 42   R' read: handler() awaits        42, so R'
 *     callback 57   c read: the handler of 41 goes on: the call was for R
 *
 * Proves: an async function waits for what it awaits, whatever lay before the call (timers, queues, pools), and goes on in
 * the callback that brings it. Functions that it starts are its owner's too. Where one read brings the answers of several calls
 * (Redis, HTTP/2), as many requests must go on, each in the next of the first microtasks behind that read: promises do, in the
 * order in which they are fulfilled, which is that of the answers.
 *
 * Lies where what goes on has waited for something else, which the answer has let go (a connection that is free again) and who waited
 * for the answer itself is no async function. So nobody is believed where others go on in the same callback, or one of which
 * it is not known what started it; nor where the callback answers another request; nor before other evidence has said the
 * same eight times, or says it of several at once: that they are answered in the order in which they go on. A difference costs 64
 * times, and each one twice that of the one before.
 * A function that goes on for ever has been started for the request that came first: a request is believed only while it is open, or
 * where what awaits the answer began to in the callback that has read it; else where nearly all requests go on as far (behind-answers.ts).
 */
import { TurnPhase, type UnitEdgeEvent, UnitKind } from "../../../bpf/layout.gen.ts";
import { makeRoom } from "../../../make-room.ts";
import { type EventMeta, isInPollCallback } from "../../event-meta.ts";
import { isTimerOlderThan } from "../doubt/async-ids.ts";
import { BehindAnswers } from "../doubt/behind-answers.ts";
import type { ProcessWork } from "../process-work.ts";
import type { Stretch } from "../thread-log.ts";
import { addCandidate, decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import { AFTER_ANSWER_NS } from "./last-answers.ts";
import { resumptionOf, servedBy } from "./resumptions.ts";

const MAX_CALLBACKS = 8192;
const PROVEN = 8;
const MAX_CREDIT = 64;
const FIRST_COST = 64;
const MAX_COST = 4096;
const NONE: readonly Claim[] = [];

/** What goes on says that the call was made for the request. */
interface Claim {
  readonly call: TraceNode;
  readonly served: TraceNode;
  /** What awaits its answer began to when the request was read. */
  readonly isAtOnce: boolean;
}

/** What the async functions of one process have shown: of its one thread that is watched. */
export class Resumed {
  /** By the callback that read it; undefined: that has read several. */
  readonly #requests = new Map<number, TraceNode | undefined>();
  readonly #behind = new BehindAnswers();
  #lastReadNs = Number.NEGATIVE_INFINITY;
  #credit = 0;
  #cost = FIRST_COST;
  #joined = 0;

  /** Calls that have got their parent by it, and those of which it has said the same as other evidence. */
  get joined(): number {
    return this.#joined;
  }

  /** What awaits the call's answer may tell its parent, though that be answered. */
  mayJoinLater(call: TraceNode): boolean {
    return this.#credit >= PROVEN && this.mayBeBehind(call);
  }

  /** It may be made for a request that is answered. */
  mayBeBehind(call: TraceNode): boolean {
    return mayBeResumed(call) && call.start.timestampNs - this.#lastReadNs < AFTER_ANSWER_NS;
  }

  /** A request, or its end, is read. */
  requestRead(node: TraceNode, meta: EventMeta): void {
    if (!isInPollCallback(meta)) return;
    this.#lastReadNs = meta.timestampNs;
    const { turnId } = meta;
    if (this.#requests.get(turnId) === node) return;
    const isShared = this.#requests.has(turnId);
    makeRoom(this.#requests, MAX_CALLBACKS);
    this.#requests.set(turnId, isShared ? undefined : node);
  }

  /** A request is answered. */
  requestAnswered(node: TraceNode): void {
    if (node.start.unitKind === UnitKind.nodeAsync) this.#behind.answered(node);
  }

  /** An async function goes on. @returns whether the end of its callback is waited for now */
  goesOn(work: ProcessWork, event: UnitEdgeEvent): boolean {
    const { header, toId } = event;
    const stretch = work.logOf(header.pid).stretchOf(toId);
    if (stretch === undefined || stretch.cause.isServer || !stretch.isExact) return false;
    stretch.goesOn(resumptionOf(event));
    work.held.untilEnd(stretch, [...stretch.read], header.timestampNs);
    return true;
  }

  /** Events are missing: requests may be among them. */
  forget(): void {
    this.#requests.clear();
    this.#behind.forget();
  }

  /** What the callback says; undefined: it contradicts itself. */
  claimsOf(stretch: Stretch): readonly Claim[] | undefined {
    if (stretch.resumed.length === 0) return NONE;
    const found = servedBy(stretch, (callback) => this.#requests.get(callback)) ?? [];
    const claims = found.flatMap((awaiting, index) =>
      awaiting === undefined ? [] : { call: stretch.ended[index]!, ...awaiting },
    );
    if (claims.length === 0 || !claims.every((claim) => isPossible(claim, stretch))) return NONE;
    const isOfOthers =
      !found.includes(undefined) &&
      stretch.answers.some((answered) => !claims.some(({ served }) => served === answered));
    if (!isOfOthers && !claims.some(isFalse)) return claims;
    if (claims.some((claim) => isBehindAnswer(claim, stretch) && !claim.isAtOnce)) {
      this.#behind.differed(stretch.start.timestampNs);
      return NONE;
    }
    for (const { call, served } of claims)
      if (!call.isDecided && served.start.order < call.start.order) addCandidate(call, served, "resumed");
    this.#credit = Math.max(-MAX_COST, this.#credit - this.#cost);
    this.#cost = Math.min(MAX_COST, this.#cost * 2);
    return undefined;
  }

  /** The callback is over, and other evidence has had its say. */
  join(work: ProcessWork, claims: readonly Claim[], stretch: Stretch, nowNs: number): void {
    const isAgreed = claims.some(({ call, served }) => call.parent === served || stretch.answers.includes(served));
    if (isAgreed) {
      this.#credit = Math.min(MAX_CREDIT, this.#credit + 1);
      this.#joined++;
    }
    const isBelieved = this.#credit >= PROVEN || (this.#credit >= 0 && areAnsweredSo(claims, stretch));
    for (const claim of claims) {
      const { call, served } = claim;
      const isBehind = isBehindAnswer(claim, stretch);
      const nth = isBehind ? this.#behind.called(served, stretch.start.timestampNs) : 0;
      if (call.isDecided) continue;
      if (!isBelieved) addCandidate(call, served, "resumed");
      else if (!isBehind || claim.isAtOnce) this.#decide(call, served);
      else work.late.hold(call, served, "resumed", nowNs, (endNs) => this.#behind.areUsual(served, nth, endNs));
    }
  }

  #decide(call: TraceNode, served: TraceNode): void {
    if (decide(call, served, "resumed")) this.#joined++;
  }
}

/** The call is known to be another one's, or was made before the request came: what goes on has waited for something else. */
function isFalse({ call, served }: Claim): boolean {
  if (served.start.order > call.start.order) return true;
  return call.parent !== undefined && call.parent !== served;
}

/** All go on and are answered, in one order: two witnesses that agree on several. */
function areAnsweredSo(claims: readonly Claim[], { ended, answers }: Stretch): boolean {
  if (claims.length < 2 || claims.length !== ended.length || claims.length !== answers.length) return false;
  return claims.every(({ call, served }, index) => answers[index] === served && !isTimerOlderThan(call, served));
}

/** It was open until the answer was read, or the call was asked for before it was answered, or it is not long over. */
function isPossible({ call, served, isAtOnce }: Claim, { start }: Stretch): boolean {
  if (served.isDoubtful || served.start.pid !== call.start.pid) return false;
  return isAtOnce || !served.isFinished || start.timestampNs - served.endNs < AFTER_ANSWER_NS;
}

/** The request was over when the answer was read. */
function isBehindAnswer({ served }: Claim, { start }: Stretch): boolean {
  return served.isFinished && served.endNs < start.timestampNs;
}

/** A call of which nothing is known yet, made by a loop whose async functions may tell more. */
export function mayBeResumed({ isDecided, start }: TraceNode): boolean {
  return !isDecided && start.unitKind === UnitKind.nodeAsync && start.turnId % 4 !== TurnPhase.unknown;
}
