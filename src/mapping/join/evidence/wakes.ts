/**
 * Evidence: the thread that has read a call's answer wakes, at once or through others, the thread that waits for it.
 *
 *     SelectorManager reads the answer of c  --->  a worker  --->  the thread that serves r, which had slept since before
 *
 * Proves: what serves r slept when c was answered, and went on because of that. A thread that is woken because a lock is
 * free had run after that answer was read, since whoever held the lock took it later: the scheduler's times tell. Lies
 * where they do not, and where threads queue for a lock: then c is waited for by another one too, so a call that woke the
 * servers of two requests is nobody's, and a process where that is not rare is not asked. Nor is one where most answers
 * wake no server: there a wake that lies has no true one beside it that would show it. Threads that carry several units
 * say nothing. Nor do ways from reader to server that are not the usual one (wake-ways.ts).
 *
 * A thread that calls several times waits for each: what it was woken for last before the next of them began, or before it
 * answered, is the one before.
 *
 * What serves r may have woken the thread that made c, to hand it over. If that was another request's, r is not believed;
 * if it was r's, both ends agree, and no more is asked. A worker of a busy pool takes the next job whoever has woken it: where that
 * is not rare, only both ends together are believed.
 */

import { UnitKind } from "../../../bpf/layout.gen.ts";
import { makeRoom } from "../../../make-room.ts";
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import { SchedulerClock } from "./scheduler-clock.ts";
import { type Claim, WakeWays } from "./wake-ways.ts";

const STALE_NS = 500_000_000;
/** A reader that hands on what it has read does so at once, as far as it has the processor. */
const HAND_OVER_NS = 500_000;
const MAX_THREADS = 8192;
const MAX_WAITS = 1024;
const MAX_CLAIMED = 16_384;
/** One call in so many may have woken two. */
const RARE = 50;
/** Of the answers, so many must have woken a server, once there were enough of them to tell. */
const COMMON_SHARE = 0.6;
const ENOUGH_ANSWERS = 16;
const ANSWERS_REMEMBERED = 512;
/** Units that are a thread for as long as they serve. */
const ON_ONE_THREAD: readonly number[] = [UnitKind.none, UnitKind.pythonJob, UnitKind.jvmVirtualThread];

/** Why a thread runs: the answer of a call was read, by itself or by whoever woke it. */
interface Cause {
  readonly call: TraceNode;
  readonly readNs: number;
  /** By this thread itself. */
  readonly isRead: boolean;
  /** Only the first bytes: told where the reader itself wakes the request's thread, which may pass them on. */
  readonly isBegin: boolean;
  /** Nobody else is woken for it. */
  isSpent: boolean;
  /** Threads between the one that has read it and this one. */
  readonly hops: number;
  /** When the first of them was woken. */
  readonly sinceNs: number;
  /** Somebody was: the thread has done what it was woken for, as far as can be seen, and another cause may follow. */
  hasWoken: boolean;
}

export interface WakeEdge {
  /** Threads. */
  readonly waker: number;
  readonly woken: number;
  readonly timestampNs: number;
  /** When each got the processor last, by the scheduler's clock; 0: not known. */
  readonly wakerRanNs: number;
  readonly wokenRanNs: number;
}

/** What a request's thread has waited for, one after the other. */
interface Waits {
  /** Each had woken it when the next one began. */
  readonly before: Claim[];
  /** undefined: something else has woken it since. */
  last: Claim | undefined;
}

interface Server {
  node: TraceNode;
  /** Several virtual threads have served on it: it carries them, and sleeps and wakes for all of them. */
  isCarrier: boolean;
}

export class Wakes {
  /** Calls that got their parent so. */
  joined = 0;
  readonly #clock = new SchedulerClock();
  readonly #causes = new Map<number, Cause>();
  /** Threads that read answers: what they do is due to that, never to who wakes them. */
  readonly #readers = new Set<number>();
  readonly #seen = new Set<number>();
  readonly #servers = new Map<number, Server>();
  /** By request. */
  readonly #waits = new Map<TraceNode, Waits>();
  /** By call: the requests whose threads its answer has woken. The oldest is forgotten first. */
  readonly #claims = new Map<TraceNode, Claim[]>();
  readonly #ways = new WakeWays();
  /** By thread: whose thread has woken it last, if it was a request's: to make a call, or for a lock. */
  readonly #givers = new Map<number, TraceNode>();
  readonly #giverOf = new WeakMap<TraceNode, TraceNode>();
  /** Answers of calls of which nothing else was known, and how many of them have woken the thread that was then answered. */
  #answers = 0;
  #claimed = 0;
  #single = 0;
  #double = 0;
  /** Calls by who was woken last by the thread of another request than it has woken itself when it had read the answer. */
  #strays = 0;

  requestRead(node: TraceNode): void {
    const { pid, unitKind, unitId } = node.start;
    this.#causes.delete(pid);
    // It was read too early: who takes it is open, and the thread has another one to answer.
    if (node.isPipelined) return;
    const known = this.#servers.get(pid);
    if (known === undefined) {
      if (this.#servers.size >= MAX_THREADS) this.#servers.clear();
      this.#servers.set(pid, { node, isCarrier: !ON_ONE_THREAD.includes(unitKind) });
      return;
    }
    if (unitKind === UnitKind.jvmVirtualThread && known.node.start.unitId !== unitId) known.isCarrier = true;
    known.node = node;
  }

  /** A thread makes a call: for what it serves itself, or for whose thread has woken it. */
  called(work: ProcessWork, call: TraceNode): void {
    const { pid } = call.start;
    const giver = this.#servedBy(work, pid) ?? this.#givers.get(pid);
    this.#givers.delete(pid);
    if (giver !== undefined && !giver.isFinished) this.#giverOf.set(call, giver);
  }

  /** The answer has been read, to the end or only its first bytes. */
  replyRead(call: TraceNode, meta: EventMeta, isEnd: boolean): void {
    if (isEnd && !call.isDecided) this.#countAnswer();
    if (this.#readers.size < MAX_THREADS) this.#readers.add(meta.pid);
    if (this.#causes.size >= MAX_THREADS) this.#causes.clear();
    const { pid, timestampNs: readNs } = meta;
    const last = this.#causes.get(pid);
    if (last?.isRead === true && !last.isBegin && !last.isSpent && last.call !== call)
      this.#ways.handedUnseen(last.readNs);
    this.#causes.set(pid, {
      call,
      readNs,
      isRead: true,
      isBegin: !isEnd,
      isSpent: false,
      hasWoken: false,
      hops: 0,
      sinceNs: readNs,
    });
  }

  woken(work: ProcessWork, { waker, woken, timestampNs, wokenRanNs, wakerRanNs }: WakeEdge): void {
    const ranNs = this.#clock.toEvents(wokenRanNs, wakerRanNs, timestampNs);
    const served = this.#servedBy(work, woken);
    if (served === undefined) this.#noteGiver(this.#servedBy(work, waker), woken);
    const known = this.#causes.get(waker);
    const cause = known === undefined || timestampNs - known.readNs > STALE_NS ? undefined : known;
    const before = served === undefined ? undefined : this.#awoke(served, cause?.call);
    if (cause === undefined) {
      this.#wokenForOthers(woken);
      return;
    }
    if (served !== undefined) {
      if (ranNs === undefined || ranNs >= cause.readNs) return;
      cause.isSpent = cause.hasWoken = true;
      this.#claim({ served, call: cause.call, hops: cause.hops, sinceNs: cause.sinceNs, wokenNs: timestampNs }, before);
      return;
    }
    if (cause.isSpent || cause.isBegin) {
      this.#wokenForOthers(woken);
      return;
    }
    const isNew = !this.#seen.has(woken);
    if (this.#seen.size < MAX_THREADS) this.#seen.add(woken);
    if (cause.isRead) {
      // It goes on to read for others: the first that it wakes, and soon, is woken for what it has read.
      cause.isSpent = true;
      const running = this.#clock.toEvents(wakerRanNs, wakerRanNs, timestampNs) ?? 0;
      if (timestampNs - Math.max(cause.readNs, running) > HAND_OVER_NS) {
        this.#ways.handedUnseen(cause.readNs);
        return;
      }
    }
    // It was awake, and waited for a lock. A thread that was just made has waited to be let go.
    if (!isNew && !(ranNs !== undefined && ranNs < cause.readNs)) return;
    const own = this.#causes.get(woken);
    if (this.#readers.has(woken)) return;
    cause.hasWoken = true;
    if (own?.call === cause.call) return;
    const isBusy = own !== undefined && !own.hasWoken && timestampNs - own.readNs <= STALE_NS;
    // It was at something else and waited for a lock, or it was not: what it does next is for whom nobody knows.
    if (isBusy) this.#causes.delete(woken);
    else
      this.#causes.set(woken, {
        call: cause.call,
        readNs: cause.readNs,
        isRead: false,
        isBegin: false,
        isSpent: false,
        hasWoken: false,
        hops: cause.hops + 1,
        sinceNs: cause.isRead ? timestampNs : cause.sinceNs,
      });
  }

  /** What it was woken for before is done, as far as can be seen. */
  #wokenForOthers(woken: number): void {
    const own = this.#causes.get(woken);
    if (own?.hasWoken === true && !own.isRead) this.#causes.delete(woken);
  }

  /** `served` is being answered. */
  join(work: ProcessWork, served: TraceNode, meta: EventMeta): void {
    const waits = this.#waits.get(served);
    if (waits === undefined || work.areThreadsInDoubt(meta)) return;
    this.#waits.delete(served);
    for (const claim of waits.before) this.#decide(work, claim, meta.timestampNs);
    if (waits.last !== undefined) this.#decide(work, waits.last, meta.timestampNs);
  }

  #decide(work: ProcessWork, claim: Claim, nowNs: number): void {
    const { call, served } = claim;
    this.#claimed++;
    const giver = this.#giverOf.get(call);
    const isOnly = this.#isOnly(claim);
    if (isOnly === undefined) return;
    const isOther = giver !== undefined && giver !== served;
    if (!isOnly || (isOther && claim.hops > 0)) {
      this.#double++;
      return;
    }
    if (isOther) {
      this.#strays++;
      return;
    }
    this.#single++;
    if (giver === served) {
      const isSure = this.#areDoublesRare && this.#strays <= this.#single + RARE;
      if (isSure && decide(call, served, "wake")) this.joined++;
      return;
    }
    // What lies shows on others soon.
    work.late.hold(call, served, "wake", nowNs, (timestampNs) => {
      const isShown = this.#isBelieved && this.#isOnly(claim) === true && !work.areThreadsInDoubt({ timestampNs });
      if (isShown) this.joined++;
      return isShown;
    });
  }

  #isOnly(claim: Claim): boolean | undefined {
    return this.#ways.isOnly(claim, this.#claims.get(claim.call) ?? []);
  }

  get #areDoublesRare(): boolean {
    return this.#double * RARE <= this.#single + RARE;
  }

  get #isBelieved(): boolean {
    return this.#areDoublesRare && this.#strays * RARE <= this.#single + RARE && this.#isCommon;
  }

  get #isCommon(): boolean {
    return this.#answers < ENOUGH_ANSWERS || this.#claimed >= this.#answers * COMMON_SHARE;
  }

  #countAnswer(): void {
    this.#answers++;
    if (this.#answers < ANSWERS_REMEMBERED) return;
    this.#answers /= 2;
    this.#claimed /= 2;
  }

  #noteGiver(giver: TraceNode | undefined, woken: number): void {
    if (giver === undefined) {
      this.#givers.delete(woken);
      return;
    }
    if (this.#givers.size >= MAX_THREADS) this.#givers.clear();
    this.#givers.set(woken, giver);
  }

  /** The request is answered, or never will be. */
  closed(served: TraceNode): void {
    this.#waits.delete(served);
  }

  #servedBy(work: ProcessWork, pid: number): TraceNode | undefined {
    const server = this.#servers.get(pid);
    if (server === undefined || server.isCarrier || !work.open.has(server.node)) return undefined;
    const { node } = server;
    const unit = node.unit!;
    return unit.open.length === 1 && !unit.isShared && !node.isDoubtful ? node : undefined;
  }

  /**
   * The thread of `served` is woken by one that has read the answer of `call`, again where it passes that on in parts.
   *
   * @returns the answer that it was woken for before, if nothing else has woken it since
   */
  #awoke(served: TraceNode, call: TraceNode | undefined): Claim | undefined {
    const waits = this.#waits.get(served);
    const last = waits?.last;
    if (waits !== undefined && last?.call !== call) waits.last = undefined;
    return last;
  }

  #claim(claim: Claim, before: Claim | undefined): void {
    const { call, served } = claim;
    if (call.isDecided || call.start.order < served.start.order) return;
    let waits = this.#waits.get(served);
    if (waits === undefined) {
      waits = { before: [], last: undefined };
      this.#waits.set(served, waits);
    }
    // Had it begun when the other woke this thread, that one would not have been waited for, or both were.
    if (before !== undefined && before.call !== call && before.wokenNs < call.start.timestampNs) {
      if (waits.before.length < MAX_WAITS) waits.before.push(before);
    }
    waits.last = claim;
    const claims = this.#claims.get(call);
    if (claims?.some((each) => each.served === served)) return;
    this.#ways.claimed(claim);
    if (claims !== undefined) claims.push(claim);
    else {
      makeRoom(this.#claims, MAX_CLAIMED);
      this.#claims.set(call, [claim]);
    }
  }
}
