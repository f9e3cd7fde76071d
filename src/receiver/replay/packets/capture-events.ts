/** The events that a capture gives: the same values that the kernel side gives, as seen by the end that opened the connection. */
import {
  CauseKind,
  DataSource,
  Direction,
  EventFlags,
  EventKind,
  type SocketDataEvent,
  type SocketStateEvent,
  type SocketTuple,
  UnitKind,
} from "../../../bpf/layout.gen.ts";

/** Where events go: the trace engine, or a test. */
export interface EventSink {
  socketData(event: SocketDataEvent, bytes: Uint8Array): void;
  socketState(event: SocketStateEvent, name?: Uint8Array): void;
}

/** Linux include/net/tcp_states.h */
export const TcpState = { established: 1, synSent: 2, close: 7 } as const;

const ADDRESS_FAMILY_INET = 2;
const ADDRESS_FAMILY_INET6 = 10;
const NO_COMM = new Uint8Array(16);

/** What all events of one captured flow share. */
export interface CapturedSocket {
  readonly cookie: number;
  readonly tuple: SocketTuple;
  readonly isIpv4: boolean;
  /** TransportProtocol */
  readonly protocol: number;
  /** SocketRole of the local end */
  role: number;
  localFirstSequence: number;
  remoteFirstSequence: number;
  eventNumber: number;
}

/** @param tgid stands for the capture: no process is known */
export function dataEvent(
  socket: CapturedSocket,
  tgid: number,
  isEgress: boolean,
  streamOffset: number,
  callLength: number,
  capturedLength: number,
  timestampNs: number,
): SocketDataEvent {
  return {
    header: { kind: EventKind.socketData, length: 0, timestampNs, tgid, pid: 0 },
    entryNs: 0,
    coroutineId: 0,
    unitId: 0,
    unitParent: 0,
    unitCount: 0,
    turnId: 0,
    causeId: 0,
    causeRequest: 0,
    socketCookie: socket.cookie,
    eventNumber: socket.eventNumber++,
    streamOffset,
    tuple: socket.tuple,
    localFirstSequence: socket.localFirstSequence,
    remoteFirstSequence: socket.remoteFirstSequence,
    callLength,
    capturedLength,
    flags: capturedLength < callLength ? EventFlags.truncated : 0,
    addressFamily: socket.isIpv4 ? ADDRESS_FAMILY_INET : ADDRESS_FAMILY_INET6,
    protocol: socket.protocol,
    direction: isEgress ? Direction.egress : Direction.ingress,
    role: socket.role,
    source: DataSource.syscall,
    unitKind: UnitKind.none,
    causeKind: CauseKind.none,
    comm: NO_COMM,
  };
}

export function stateEvent(
  socket: CapturedSocket,
  tgid: number,
  oldState: number,
  newState: number,
  timestampNs: number,
): SocketStateEvent {
  return {
    header: { kind: EventKind.socketState, length: 0, timestampNs, tgid, pid: 0 },
    coroutineId: 0,
    unitId: 0,
    unitParent: 0,
    unitCount: 0,
    turnId: 0,
    unitKind: UnitKind.none,
    nameLength: 0,
    socketCookie: socket.cookie,
    tuple: socket.tuple,
    localFirstSequence: socket.localFirstSequence,
    remoteFirstSequence: socket.remoteFirstSequence,
    addressFamily: socket.isIpv4 ? ADDRESS_FAMILY_INET : ADDRESS_FAMILY_INET6,
    protocol: socket.protocol,
    role: socket.role,
    oldState,
    newState,
  };
}
