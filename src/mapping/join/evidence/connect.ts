/**
 * Evidence: a connection's first request belongs to whoever called connect(2).
 *
 * Proves: an event loop opens a connection in the turn of the request that needs it; the request itself goes out in a
 * later turn, when the connection is there, and what was read last by then has nothing to do with it. Lies where
 * connections are opened ahead of need, or are given to whoever waits longest once they are there. So it is believed
 * at once only where Node's ids show that what sends was made in the turn of connect(2); else it is a witness that
 * needs another, or a process in which it has been right so far.
 */
import { UnitKind } from "../../../bpf/layout.gen.ts";
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import type { Stretch, ThreadLog } from "../thread-log.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import type { Unit } from "../unit.ts";

/** A connect(2) that was seen, and what its thread was at. */
export interface Connecting {
  readonly meta: EventMeta;
  readonly stretch: Stretch | undefined;
}

/**
 * The stretch that a connection's first request belongs to; undefined: nobody knows.
 *
 * @param here the stretch in which it goes out
 * @param connecting undefined: not seen
 */
export function stretchOfFirst(
  call: TraceNode,
  here: Stretch | undefined,
  connecting: Connecting | undefined,
  log: ThreadLog,
): Stretch | undefined {
  const stretch = connecting?.stretch;
  // A connect(2) that blocked: nothing lies between. Where callbacks are told apart it never does.
  if (stretch !== undefined && stretch === here && !stretch.isExact) return here;
  // It goes out from the connection's own callback, and so does what follows.
  log.goOn(stretch?.cause, call.start);
  return stretch;
}

/** Kinds whose unit opens a connection for its own call, which another one of them sends when it is there. */
const OPENS_FOR_ITSELF: readonly number[] = [UnitKind.haproxyTask];

/** The call is a connection's first, and goes out from another unit than the one that wanted it. @returns that one */
export function openerOf(work: ProcessWork, call: TraceNode, connecting: Connecting | undefined): Unit | undefined {
  if (!call.isFirst || connecting === undefined || !OPENS_FOR_ITSELF.includes(connecting.meta.unitKind))
    return undefined;
  const unit = work.unitOf(connecting.meta);
  if (unit === call.unit) return undefined;
  call.opened = { unit, order: connecting.meta.order };
  return unit;
}

/** So often the callbacks of answers must have said the same as connect(2), without a difference. */
const PROVEN = 4;

/** The call is a connection's first. @returns whether its parent is decided */
export function joinByConnect(work: ProcessWork, call: TraceNode, connecting: Connecting | undefined): boolean {
  const stretch = connecting?.stretch;
  if (stretch === undefined || !stretch.isExact || stretch.isShared) return false;
  const { cause } = stretch;
  if (!cause.isServer || cause.isDoubtful) return false;
  if (!isMadeForConnection(call, connecting!) && work.connectCredit < PROVEN) return false;
  return decide(call, cause, "connect");
}

/**
 * What sends was made in the turn of connect(2): Node's TCPConnectWrap, whose id was counted between the read that
 * began the turn and the call.
 */
function isMadeForConnection(call: TraceNode, connecting: Connecting): boolean {
  const { meta, stretch } = connecting;
  if (stretch === undefined || meta.unitKind !== UnitKind.nodeAsync || meta.pid !== call.start.pid) return false;
  const id = call.start.unitId;
  return stretch.isExact && id > stretch.start.unitCount && id <= meta.unitCount;
}
