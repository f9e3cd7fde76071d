/** What joining needs to know of the system call that moved a byte. One small object per event, shared by its bytes. */
import type { SocketDataEvent } from "../bpf/layout.gen.ts";

export interface EventMeta {
  /** Monotonic ns: sends at entry, receives when done. */
  readonly timestampNs: number;
  readonly entryNs: number;
  readonly tgid: number;
  readonly pid: number;
  /** Go: goid; else 0. */
  readonly coroutineId: number;
  readonly unitKind: number;
  readonly unitId: number;
  /** Equal on two events: the same uninterrupted turn of an event loop; 0 unknown. */
  readonly turnId: number;
  /** Place in the order of all events, which is causal. */
  readonly order: number;
}

export function metaOf(event: SocketDataEvent, order: number): EventMeta {
  const header = event.header;
  return {
    timestampNs: header.timestampNs,
    entryNs: event.entryNs,
    tgid: header.tgid,
    pid: header.pid,
    coroutineId: event.coroutineId,
    unitKind: event.unitKind,
    unitId: event.unitId,
    turnId: event.turnId,
    order,
  };
}
