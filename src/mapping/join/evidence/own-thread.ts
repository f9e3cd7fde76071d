/**
 * Evidence: the thread read its request by a read that would have slept until bytes came.
 *
 * Proves: the thread waits for one socket at a time, so no runtime moves tasks between such threads: those can't afford a
 * read that sleeps. What it calls before it answers, it calls for what it has read. Lies in two kinds of programs: a loop
 * over sockets that would sleep but that it never lets, which is one thread, so one reading thread is asked only where it
 * serves one connection after the other (thread-bonds.ts), and not of destinations that it calls while it serves nothing;
 * and a reader that hands its requests to a pool and then takes work from that pool itself, so a process in which one such
 * request was answered by another thread is never asked again. Until a few requests were answered by their readers it
 * speaks at the answer only, when the hand-over would have shown.
 */
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import type { TraceNode } from "../trace-node.ts";
import type { Unit } from "../unit.ts";

/** So many answers by the thread that had read the request, while others were busy, before calls are joined at once. */
const PROVEN_AT_ONCE = 3;

/**
 * So many answers must have come from the thread that read the request, while others were busy too, before threads are
 * believed to be the units of work: tasks that wander between two threads would do that once in a thousand programs.
 */
export const PROVEN_OWN = 10;

/**
 * So many threads that sleep until their calls are answered must have answered what they had read while others were busy:
 * those are no loops, and pools where whoever is free goes on with a request would do so once in 256 times.
 */
const PROVEN_SLEEPERS = 4;
const MAX_SLEEPERS = 64;

type Moment = Pick<EventMeta, "timestampNs" | "order">;

/** Many answers came from the thread that had read the request while others were busy, and none from another. */
export function isServedByThreads(work: ProcessWork): boolean {
  return !work.handsOver && !work.blockingReadersHandOver && work.ownAnswers >= PROVEN_OWN;
}

/** The one request that `unit`, a thread that sleeps in its reads, has read and not answered. */
export function servedByOwnThread(work: ProcessWork, unit: Unit, meta: Moment): TraceNode | undefined {
  if (!unit.isThread || unit.isShared || unit.open.length !== 1) return undefined;
  if (work.handsOver || work.blockingReadersHandOver || work.areThreadsInDoubt(meta)) return undefined;
  if (work.blockingReaders < 2 && !work.bonds.isSequential) return undefined;
  const served = unit.open[0]!;
  return served.start.isBlocking && served.start.order < meta.order ? served : undefined;
}

/** The same as soon as it is done: without waiting for the answer. */
export function servedByProvenThread(work: ProcessWork, unit: Unit, meta: Moment): TraceNode | undefined {
  return work.ownAnswers >= PROVEN_AT_ONCE ? servedByOwnThread(work, unit, meta) : undefined;
}

/** The parent of a call when it goes out, also of a process that serves one connection after the other. */
export function callerOfThread(work: ProcessWork, unit: Unit, call: TraceNode): TraceNode | undefined {
  if (work.ownAnswers < PROVEN_AT_ONCE && !work.bonds.isSequential) return undefined;
  const served = mayBeOfOwnThread(work, call) ? servedByOwnThread(work, unit, call.start) : undefined;
  return served !== undefined && hasBehind(work, served) ? undefined : served;
}

/**
 * Requests were read with it that wait behind it on its connection. Apache serves them before it writes the first answer, all answers in
 * one: which of several calls are for which of them nobody knows.
 */
export function hasBehind(work: ProcessWork, served: TraceNode): boolean {
  return work.unclaimed.size > 0 && work.connections.hasBehind(served);
}

/** false: threads that read make such calls on their own account, too. */
export function mayBeOfOwnThread(work: ProcessWork, { destination }: TraceNode): boolean {
  return work.blockingReaders >= 2 || !work.isBackground(destination, work.readersBackground);
}

/** The thread of `unit` has answered what it had read, while others were busy, too. */
export function learnSleeper({ sleepers }: ProcessWork, unit: Unit, served: TraceNode): void {
  if (sleepers.size >= MAX_SLEEPERS || served.start.isWatched) return;
  if (unit.calls.some((call) => call.isSleptFor && call.start.order > served.start.order)) sleepers.add(unit.key);
}

/** The call was made, and waited for asleep, by a thread of a process whose threads serve what they read, as far as it has shown. */
export function isOfSleeper(work: ProcessWork, call: TraceNode, served: TraceNode): boolean {
  if (work.handsOver || work.blockingReadersHandOver || !call.isSleptFor || served.start.isWatched) return false;
  return work.sleepers.size >= PROVEN_SLEEPERS && !work.isBackground(call.destination, work.readersBackground);
}
