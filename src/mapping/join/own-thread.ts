/**
 * Evidence: the thread read its request by a read that would have slept until bytes came.
 *
 * Proves: the thread waits for one socket at a time, so no runtime moves tasks between such threads: those can't afford a
 * read that sleeps. What it calls before it answers, it calls for what it has read. Lies in two kinds of programs: a loop
 * over sockets that would sleep but that it never lets, which is one thread, so one reading thread is not enough; and a
 * reader that hands its requests to a pool and then takes work from that pool itself, so a process in which one such
 * request was answered by another thread is never asked again. Until a few requests were answered by their readers it
 * speaks at the answer only, when the hand-over would have shown.
 */
import type { EventMeta } from "../event-meta.ts";
import type { ProcessWork } from "./process-work.ts";
import type { TraceNode } from "./trace-node.ts";
import type { Unit } from "./unit.ts";

/** So many answers by the thread that had read the request, while others were busy, before calls are joined at once. */
const PROVEN_AT_ONCE = 3;

type Moment = Pick<EventMeta, "timestampNs" | "order">;

/** The one request that `unit`, a thread that sleeps in its reads, has read and not answered. */
export function servedByOwnThread(work: ProcessWork, unit: Unit, meta: Moment): TraceNode | undefined {
  if (!unit.isThread || unit.isShared || unit.open.length !== 1) return undefined;
  if (work.blockingReaders < 2 || work.handsOver || work.blockingReadersHandOver || work.areThreadsInDoubt(meta))
    return undefined;
  const served = unit.open[0]!;
  return served.start.isBlocking && served.start.order < meta.order ? served : undefined;
}

/** The same when a call goes out: its parent without waiting for the answer. */
export function servedByProvenThread(work: ProcessWork, unit: Unit, meta: Moment): TraceNode | undefined {
  return work.ownAnswers >= PROVEN_AT_ONCE ? servedByOwnThread(work, unit, meta) : undefined;
}
