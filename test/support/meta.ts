/** Event metas for tests that need no whole event. */
import type { EventMeta } from "../../src/mapping/event-meta.ts";

export function meta(order: number, over: Partial<EventMeta> = {}): EventMeta {
  return {
    timestampNs: order * 1000,
    tgid: 100,
    pid: 100,
    coroutineId: 0,
    unitKind: 0,
    unitId: 0,
    unitParent: 0,
    unitCount: 0,
    turnId: 0,
    isBlocking: false,
    isWatched: false,
    causeKind: 0,
    causeId: 0,
    causeRequest: 0,
    order,
    ...over,
  };
}
