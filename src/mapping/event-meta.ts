/** What joining needs to know of the system call that moved a byte. One small object per event, shared by its bytes. */
import {
  EventFlags,
  type IoEvent,
  type SocketDataEvent,
  type SocketStateEvent,
  TurnPhase,
  UnitKind,
} from "../bpf/layout.gen.ts";

export interface EventMeta {
  /** Monotonic ns: sends at entry, receives when done. */
  readonly timestampNs: number;
  readonly tgid: number;
  readonly pid: number;
  /** Go: goid; else 0. */
  readonly coroutineId: number;
  readonly unitKind: number;
  readonly unitId: number;
  /** The unit that made this one, where the runtime keeps it. */
  readonly unitParent: number;
  /** Units made so far, where the runtime counts them. */
  readonly unitCount: number;
  /** Equal on two events: the same uninterrupted turn of an event loop; 0 unknown. */
  readonly turnId: number;
  /** A read that would have slept until bytes came: its thread waits for this one socket. */
  readonly isBlocking: boolean;
  /** An epoll instance has the socket: who reads it waits for others beside it. */
  readonly isWatched: boolean;
  /** CauseKind: what the runtime itself says the call is for. */
  readonly causeKind: number;
  readonly causeId: number;
  /** Go: the request of net/http's server that is answered or called for, by its context; 0: not known. */
  readonly causeRequest: number;
  /** Place in the order of all events, which is causal. */
  readonly order: number;
}

export function metaOf(event: SocketDataEvent, order: number): EventMeta {
  const header = event.header;
  return {
    timestampNs: header.timestampNs,
    tgid: header.tgid,
    pid: header.pid,
    coroutineId: event.coroutineId,
    unitKind: event.unitKind,
    unitId: event.unitId,
    unitParent: event.unitParent,
    unitCount: event.unitCount,
    turnId: event.turnId,
    isBlocking: (event.flags & EventFlags.blocking) !== 0,
    isWatched: (event.flags & EventFlags.watched) !== 0,
    causeKind: event.causeKind,
    causeId: event.causeId,
    causeRequest: event.causeRequest,
    order,
  };
}

/** Of connect(2), the one change of state that is told with its caller. */
export function metaOfConnect(event: SocketStateEvent, order: number): EventMeta {
  return metaOfOther(event, event.header.timestampNs, order);
}

/** Of a read or write of a file: begun at `timestampNs`, told when it was done. */
export function metaOfIo(event: IoEvent, order: number): EventMeta {
  return metaOfOther(event, event.entryNs, order);
}

function metaOfOther(event: SocketStateEvent | IoEvent, timestampNs: number, order: number): EventMeta {
  return {
    timestampNs,
    tgid: event.header.tgid,
    pid: event.header.pid,
    coroutineId: event.coroutineId,
    unitKind: event.unitKind,
    unitId: event.unitId,
    unitParent: event.unitParent,
    unitCount: event.unitCount,
    turnId: event.turnId,
    isBlocking: false,
    isWatched: false,
    causeKind: 0,
    causeId: 0,
    causeRequest: 0,
    order,
  };
}

/** The runtime shows that the thread is in the callback of a descriptor: nothing but that callback lies in the turn. */
export function isInPollCallback(meta: EventMeta): boolean {
  return meta.unitKind === UnitKind.nodeAsync && meta.turnId % 4 === TurnPhase.poll;
}
