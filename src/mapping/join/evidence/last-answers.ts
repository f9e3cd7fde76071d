/**
 * Evidence: the unit that makes a call has read a request, has answered it, and has read nothing from a client since.
 *
 * Proves: work goes on behind the answer (background tasks, logs, clean-up), for the same request: whoever waits for the
 * next one waits in a read. Lies where a unit takes work that it has not read itself, so units that are not bound to
 * their connection are not asked where one of them ever answered what another had read; and where a pointer names another
 * unit meanwhile, so those only on the same thread and while the request's connection is open. Of threads only such are
 * asked that are bound to their connections, or serve one after the other (thread-bonds.ts), and while that is open: with
 * it they are at the end of what they do for it.
 */

import { CauseKind, UnitKind } from "../../../bpf/layout.gen.ts";
import { makeRoom } from "../../../make-room.ts";
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import type { TraceNode } from "../trace-node.ts";
import { kindOfKey, servesConnection, type Unit } from "../unit.ts";

/**
 * After its answer a request is nobody's parent for longer. What waits for the next request may wake up without one, and
 * see to its own affairs: a read that times out is not told.
 */
export const AFTER_ANSWER_NS = 10_000_000_000;
/** Threads may have something of their own to do while nobody calls. */
const THREAD_AFTER_NS = 1_000_000_000;
const MAX_UNITS = 8192;

/** Kinds whose ids are counted up, never used again. */
const NEVER_REUSED: readonly number[] = [UnitKind.goroutine, UnitKind.tokioTask, UnitKind.jvmVirtualThread];

interface LastAnswer {
  readonly served: TraceNode;
  readonly endNs: number;
  /** The thread that wrote the end of the answer. */
  readonly pid: number;
}

/** What the units of a process have answered last, as long as they have read nothing since. Bounded. */
export class LastAnswers {
  /** By the key of the unit, in the order of the answers. */
  readonly #byUnit = new Map<number, LastAnswer>();
  /** Units that have answered the last of several requests that came at once. */
  readonly #ofSeveral = new Set<number>();

  /** `unit` has read `served` and written its answer, which ends with `meta`. */
  answered(unit: Unit, served: TraceNode, meta: EventMeta): void {
    const { isDoubtful, isPipelined } = served;
    if (!unit.servesWhatItReads && !(unit.isThread && served.start.isBlocking) && !isOwnContext(meta)) return;
    if (isDoubtful || unit.isShared || unit.open.length > 0 || unit.lastReadOrder > meta.order) return;
    if (isPipelined) {
      if (this.#ofSeveral.size >= MAX_UNITS) this.#ofSeveral.clear();
      this.#ofSeveral.add(unit.key);
      return;
    }
    this.#byUnit.delete(unit.key);
    makeRoom(this.#byUnit, MAX_UNITS);
    this.expire(meta.timestampNs);
    this.#byUnit.set(unit.key, { served, endNs: meta.timestampNs, pid: meta.pid });
  }

  /** What was answered too long ago is forgotten. */
  expire(nowNs: number): void {
    for (const [key, { endNs }] of this.#byUnit) {
      if (nowNs - endNs <= AFTER_ANSWER_NS) return;
      this.#byUnit.delete(key);
    }
  }

  /** The unit reads from a client: what it does from now on may be for another request. */
  reads(key: number): void {
    if (this.#byUnit.size > 0) this.#byUnit.delete(key);
    if (this.#ofSeveral.size > 0) this.#ofSeveral.delete(key);
  }

  /** It has answered several requests that came at once, and has read nothing since. */
  hasAnsweredAll(key: number): boolean {
    return this.#ofSeveral.has(key);
  }

  /** The request that the unit of this key has answered last; undefined: none, too long ago, or it has read since. */
  of(key: number, nowNs: number): LastAnswer | undefined {
    const last = this.#byUnit.get(key);
    return last !== undefined && nowNs - last.endNs <= AFTER_ANSWER_NS ? last : undefined;
  }

  /** Events are missing: reads may be among them. */
  forget(): void {
    this.#byUnit.clear();
    this.#ofSeveral.clear();
  }
}

/** Of Trio's tasks, which read what they serve; asyncio's do not. */
function isOwnContext({ unitKind, causeKind, unitParent }: EventMeta): boolean {
  return unitKind === UnitKind.pythonContext && causeKind === CauseKind.creation && unitParent === 1;
}

/** The request that the unit of this key is at although it has answered it, as `meta` of something that it does shows. */
export function answeredBy(
  work: ProcessWork,
  key: number,
  meta: Pick<EventMeta, "pid" | "timestampNs">,
): TraceNode | undefined {
  const last = work.lastAnswers.of(key, meta.timestampNs);
  if (last === undefined || work.isInDoubt(meta)) return undefined;
  const { served, endNs, pid } = last;
  const kind = kindOfKey(key);
  if (!areBelieved(work, kind, meta)) return undefined;
  if (NEVER_REUSED.includes(kind)) return served;
  if (kind === UnitKind.none && meta.timestampNs - endNs > THREAD_AFTER_NS) return undefined;
  return pid === meta.pid && served.connection.isClosing !== true ? served : undefined;
}

/** Units of this kind do not take over, as far as the process has shown, what others have read. */
export function areBelieved(work: ProcessWork, kind: number, meta: Pick<EventMeta, "timestampNs">): boolean {
  if (servesConnection(kind)) return true;
  // Puma reads by the thread that serves, but what comes slowly or next on a connection by its reactor.
  if (kind === UnitKind.rubyFiber && work.mayHandOver) return false;
  if (work.unclaimed.size > 0) return false;
  if (kind !== UnitKind.none) return !work.unitsHandOver;
  if (work.handsOver || work.blockingReadersHandOver || work.areThreadsInDoubt(meta)) return false;
  return work.bonds.isSequential || work.bonds.isBound;
}
