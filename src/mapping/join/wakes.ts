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
 * say nothing.
 *
 * What serves r may have woken the thread that made c, to hand it over. If that was another request's, r is not believed;
 * if it was r's, both ends agree, and no more is asked.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import type { ProcessWork } from "./process-work.ts";
import { SchedulerClock } from "./scheduler-clock.ts";
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";

const STALE_NS = 500_000_000;
/** A reader that hands on what it has read does so at once, as far as it has the processor. */
const HAND_OVER_NS = 500_000;
const MAX_THREADS = 8192;
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
  /** Nobody else is woken for it. */
  isSpent: boolean;
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

interface Server {
  node: TraceNode;
  /** Several virtual threads have served on it: it carries them, and sleeps and wakes for all of them. */
  isCarrier: boolean;
}

export class Wakes {
  readonly #clock = new SchedulerClock();
  readonly #causes = new Map<number, Cause>();
  /** Threads that read answers: what they do is due to that, never to who wakes them. */
  readonly #readers = new Set<number>();
  readonly #seen = new Set<number>();
  readonly #servers = new Map<number, Server>();
  /** The call whose answer has woken the thread of a request, and nothing else has since. */
  readonly #last = new Map<TraceNode, TraceNode>();
  /** By call: the requests whose threads its answer has woken. The oldest is forgotten first. */
  readonly #claims = new Map<TraceNode, TraceNode[]>();
  /** By thread: the request whose thread has woken it last, to make a call or for a lock. */
  readonly #givers = new Map<number, TraceNode>();
  readonly #giverOf = new WeakMap<TraceNode, TraceNode>();
  /** Answers of calls of which nothing else was known, and how many of them have woken the thread that was then answered. */
  #answers = 0;
  #claimed = 0;
  #single = 0;
  #double = 0;

  requestRead(node: TraceNode): void {
    const { pid, unitKind, unitId } = node.start;
    this.#causes.delete(pid);
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

  replyRead(call: TraceNode, meta: EventMeta): void {
    if (!call.isDecided) this.#countAnswer();
    if (this.#readers.size < MAX_THREADS) this.#readers.add(meta.pid);
    if (this.#causes.size >= MAX_THREADS) this.#causes.clear();
    this.#causes.set(meta.pid, { call, readNs: meta.timestampNs, isRead: true, isSpent: false, hasWoken: false });
  }

  woken(work: ProcessWork, { waker, woken, timestampNs, wokenRanNs, wakerRanNs }: WakeEdge): void {
    const ranNs = this.#clock.toEvents(wokenRanNs, wakerRanNs, timestampNs);
    const served = this.#servedBy(work, woken);
    if (served === undefined) this.#noteGiver(this.#servedBy(work, waker), woken);
    // Only the wake before its answer is for the last answer that it has waited for.
    if (served !== undefined) this.#last.delete(served);
    const cause = this.#causes.get(waker);
    if (cause === undefined || timestampNs - cause.readNs > STALE_NS) return;
    if (served !== undefined) {
      if (ranNs === undefined || ranNs >= cause.readNs) return;
      cause.isSpent = cause.hasWoken = true;
      this.#claim(served, cause.call);
      return;
    }
    if (cause.isSpent) return;
    const isNew = !this.#seen.has(woken);
    if (this.#seen.size < MAX_THREADS) this.#seen.add(woken);
    if (cause.isRead) {
      // It goes on to read for others: the first that it wakes, and soon, is woken for what it has read.
      cause.isSpent = true;
      const running = this.#clock.toEvents(wakerRanNs, wakerRanNs, timestampNs) ?? 0;
      if (timestampNs - Math.max(cause.readNs, running) > HAND_OVER_NS) return;
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
        isSpent: false,
        hasWoken: false,
      });
  }

  /** `served` is being answered. */
  join(work: ProcessWork, served: TraceNode, meta: EventMeta): void {
    const call = this.#last.get(served);
    if (call === undefined || work.areThreadsInDoubt(meta)) return;
    this.#last.delete(served);
    const claims = this.#claims.get(call) ?? [];
    this.#claimed++;
    const giver = this.#giverOf.get(call);
    if (claims.length > 1 || (giver !== undefined && giver !== served)) {
      this.#double++;
      return;
    }
    this.#single++;
    const isRare = this.#double * RARE <= this.#single + RARE;
    if (isRare && (giver === served || this.#isCommon)) decide(call, served, "wake");
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
    if (giver === undefined) return;
    if (this.#givers.size >= MAX_THREADS) this.#givers.clear();
    this.#givers.set(woken, giver);
  }

  /** The request is answered, or never will be. */
  closed(served: TraceNode): void {
    this.#last.delete(served);
  }

  #servedBy(work: ProcessWork, pid: number): TraceNode | undefined {
    const server = this.#servers.get(pid);
    if (server === undefined || server.isCarrier || !work.open.has(server.node)) return undefined;
    const { node } = server;
    const unit = node.unit!;
    return unit.open.length === 1 && !unit.isShared && !node.isDoubtful ? node : undefined;
  }

  #claim(served: TraceNode, call: TraceNode): void {
    if (call.isDecided || call.start.order < served.start.order) return;
    this.#last.set(served, call);
    const claims = this.#claims.get(call);
    if (claims?.includes(served)) return;
    if (claims !== undefined) claims.push(served);
    else {
      if (this.#claims.size >= MAX_CLAIMED) this.#claims.delete(this.#claims.keys().next().value!);
      this.#claims.set(call, [served]);
    }
  }
}
