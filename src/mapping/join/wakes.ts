/**
 * Evidence: the thread that has read a call's answer wakes, at once or through others, the thread that waits for it.
 *
 *     SelectorManager reads the answer of c  --->  a worker  --->  the thread that serves r, which had slept since before
 *
 * Proves: what serves r slept when c was answered, and went on because of that. A thread that is woken because a lock is
 * free had run after that answer was read, since whoever held the lock took it later: the scheduler's times tell. Lies
 * where they do not: then c is waited for by another one too, so a call that woke the servers of two requests is
 * nobody's, and a process where that is not rare is not asked. Threads that carry several units say nothing.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import type { ProcessWork } from "./process-work.ts";
import { SchedulerClock } from "./scheduler-clock.ts";
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";

const STALE_NS = 500_000_000;
const MAX_THREADS = 8192;
const MAX_CLAIMED = 64;
/** One call in so many may have woken two. */
const RARE = 50;
/** Units that are a thread for as long as they serve. */
const ON_ONE_THREAD: readonly number[] = [UnitKind.none, UnitKind.pythonJob, UnitKind.jvmVirtualThread];

/** Why a thread runs: the answer of a call was read, by itself or by whoever woke it. */
interface Cause {
  readonly call: TraceNode;
  readonly readNs: number;
  /** By this thread itself. */
  readonly isRead: boolean;
  /** It has done what it was woken for, as far as can be seen: another cause may follow. */
  isSpent: boolean;
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
  readonly #servers = new Map<number, Server>();
  readonly #claimed = new Map<TraceNode, TraceNode[]>();
  readonly #claims = new Map<TraceNode, TraceNode[]>();
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

  replyRead(call: TraceNode, meta: EventMeta): void {
    if (this.#causes.size >= MAX_THREADS) this.#causes.clear();
    this.#causes.set(meta.pid, { call, readNs: meta.timestampNs, isRead: true, isSpent: false });
  }

  woken(work: ProcessWork, { waker, woken, timestampNs, wokenRanNs, wakerRanNs }: WakeEdge): void {
    const ranNs = this.#clock.toEvents(wokenRanNs, wakerRanNs, timestampNs);
    const cause = this.#causes.get(waker);
    if (cause === undefined || timestampNs - cause.readNs > STALE_NS) return;
    const served = this.#servedBy(work, woken);
    if (served !== undefined) {
      if (ranNs === undefined || ranNs >= cause.readNs) return;
      cause.isSpent = true;
      this.#claim(served, cause.call);
      return;
    }
    // A reader goes on to read for others: only the first that it wakes is woken for what it has read.
    if (cause.isSpent) return;
    if (cause.isRead) cause.isSpent = true;
    const own = this.#causes.get(woken);
    if (own?.call === cause.call) return;
    const isBusy = own !== undefined && !own.isSpent && timestampNs - own.readNs <= STALE_NS;
    // It was at something else and waited for a lock, or it was not: what it does next is for whom nobody knows.
    if (isBusy) this.#causes.delete(woken);
    else this.#causes.set(woken, { call: cause.call, readNs: cause.readNs, isRead: false, isSpent: false });
  }

  /** `served` is being answered. */
  join(work: ProcessWork, served: TraceNode, meta: EventMeta): void {
    const calls = this.#claimed.get(served);
    if (calls === undefined || work.isInDoubt(meta)) return;
    for (const call of calls) {
      if (call.isDecided) continue;
      // Gone with another request that claimed the call, too.
      const claims = this.#claims.get(call)?.length ?? 2;
      if (claims > 1) this.#double++;
      else this.#single++;
      if (claims === 1 && this.#double * RARE <= this.#single + RARE) decide(call, served, "wake");
    }
  }

  /** The request is answered, or never will be. */
  closed(served: TraceNode): void {
    for (const call of this.#claimed.get(served) ?? []) this.#claims.delete(call);
    this.#claimed.delete(served);
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
    const claims = this.#claims.get(call);
    if (claims === undefined) this.#claims.set(call, [served]);
    else if (!claims.includes(served)) claims.push(served);
    const claimed = this.#claimed.get(served);
    if (claimed === undefined) this.#claimed.set(served, [call]);
    else if (claimed.length < MAX_CLAIMED && !claimed.includes(call)) claimed.push(call);
  }
}
