/** Events as the kernel would send them, for a host that exists only here. */
import {
  DataSource,
  type Direction,
  EventFlags,
  EventKind,
  FileType,
  type IoEvent,
  IoOperation,
  ProcessAction,
  type ProcessEvent,
  type SocketDataEvent,
  type SocketRole,
  type SocketStateEvent,
  type SocketTuple,
} from "../../src/bpf/layout.gen.ts";

export interface Doer {
  readonly tgid: number;
  readonly pid?: number;
  readonly coroutineId?: number;
  readonly unitKind?: number;
  readonly unitId?: number;
  readonly unitParent?: number;
  readonly unitCount?: number;
  readonly turnId?: number;
  readonly causeKind?: number;
  readonly causeId?: number;
  readonly causeRequest?: number;
  readonly comm?: string;
  /** Its reads sleep until bytes come. */
  readonly isBlocking?: boolean;
  /** It waits for its sockets by epoll. */
  readonly isWatched?: boolean;
}

export interface DataOptions {
  readonly by: Doer;
  readonly direction: Direction;
  readonly role: SocketRole;
  readonly cookie: number;
  readonly tuple: SocketTuple;
  readonly localFirstSequence: number;
  readonly remoteFirstSequence: number;
  readonly offset: number;
  readonly length: number;
  readonly captured: number;
  readonly timestampNs: number;
  readonly eventNumber?: number;
  readonly flags?: number;
  readonly protocol?: number;
  readonly family?: number;
  readonly source?: DataSource;
}

export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
const AF_INET = 2;
export const AF_UNIX = 1;

export function v4(text: string): Uint8Array {
  return Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...text.split(".").map(Number)]);
}

export function tuple(local: string, localPort: number, remote: string, remotePort: number): SocketTuple {
  return { localAddress: v4(local), remoteAddress: v4(remote), localPort, remotePort, networkNamespace: 4_026_531_840 };
}

export function dataEvent(options: DataOptions): SocketDataEvent {
  const { by } = options;
  const missing = options.captured < options.length ? EventFlags.truncated : 0;
  return {
    header: {
      kind: EventKind.socketData,
      length: 0,
      timestampNs: options.timestampNs,
      tgid: by.tgid,
      pid: by.pid ?? by.tgid,
    },
    entryNs: options.timestampNs,
    coroutineId: by.coroutineId ?? 0,
    unitId: by.unitId ?? 0,
    unitParent: by.unitParent ?? 0,
    unitCount: by.unitCount ?? 0,
    turnId: by.turnId ?? 0,
    causeId: by.causeId ?? 0,
    causeRequest: by.causeRequest ?? 0,
    socketCookie: options.cookie,
    eventNumber: options.eventNumber ?? 0,
    streamOffset: options.offset,
    tuple: options.tuple,
    localFirstSequence: options.localFirstSequence,
    remoteFirstSequence: options.remoteFirstSequence,
    callLength: options.length,
    capturedLength: options.captured,
    flags:
      (options.flags ?? missing) | (by.isBlocking ? EventFlags.blocking : 0) | (by.isWatched ? EventFlags.watched : 0),
    addressFamily: options.family ?? AF_INET,
    protocol: options.protocol ?? IPPROTO_TCP,
    direction: options.direction,
    role: options.role,
    source: options.source ?? DataSource.syscall,
    unitKind: by.unitKind ?? 0,
    causeKind: by.causeKind ?? 0,
    comm: comm(by.comm ?? "program"),
  };
}

/** @param by connect(2): who calls */
export function stateEvent(
  cookie: number,
  role: SocketRole,
  newState: number,
  timestampNs: number,
  by?: Doer,
): SocketStateEvent {
  const tgid = by?.tgid ?? 0;
  return {
    header: { kind: EventKind.socketState, length: 0, timestampNs, tgid, pid: by?.pid ?? tgid },
    coroutineId: by?.coroutineId ?? 0,
    unitId: by?.unitId ?? 0,
    unitParent: by?.unitParent ?? 0,
    unitCount: by?.unitCount ?? 0,
    turnId: by?.turnId ?? 0,
    unitKind: by?.unitKind ?? 0,
    nameLength: 0,
    socketCookie: cookie,
    tuple: tuple("0.0.0.0", 0, "0.0.0.0", 0),
    localFirstSequence: 0,
    remoteFirstSequence: 0,
    addressFamily: AF_INET,
    protocol: IPPROTO_TCP,
    role,
    oldState: 0,
    newState,
  };
}

export interface IoOptions {
  readonly by: Doer;
  readonly startNs: number;
  readonly endNs: number;
  readonly path: string;
  readonly event?: Partial<IoEvent>;
}

/** A read of a regular file, unless told otherwise. */
export function ioEvent(options: IoOptions): { event: IoEvent; names: Uint8Array } {
  const { by, startNs, endNs, path } = options;
  const names = path
    .split("/")
    .filter((part) => part !== "")
    .reverse()
    .map((part) => `${part}\0`);
  const bytes = Buffer.from(names.join(""));
  const event: IoEvent = {
    header: { kind: EventKind.io, length: 0, timestampNs: endNs, tgid: by.tgid, pid: by.pid ?? by.tgid },
    entryNs: startNs,
    coroutineId: by.coroutineId ?? 0,
    unitId: by.unitId ?? 0,
    unitParent: by.unitParent ?? 0,
    unitCount: by.unitCount ?? 0,
    turnId: by.turnId ?? 0,
    fileOffset: 4096,
    length: 512,
    inode: 77,
    requestSocketCookie: 0,
    requestStreamOffset: 0,
    device: 1,
    error: 0,
    pathLength: bytes.length,
    operation: IoOperation.read,
    fileType: FileType.regular,
    isPathCut: 0,
    unitKind: by.unitKind ?? 0,
    comm: comm(by.comm ?? "program"),
    ...options.event,
  };
  return { event, names: Uint8Array.from(bytes) };
}

export function processEvent(action: ProcessAction, tgid: number, timestampNs: number, parentTgid = 1): ProcessEvent {
  const event = {
    header: { kind: EventKind.process, length: 0, timestampNs, tgid, pid: tgid },
    action,
    parentTgid,
    startTimeNs: timestampNs,
    comm: comm("program"),
  };
  return event as ProcessEvent;
}

export const exitEvent = (tgid: number, timestampNs: number): ProcessEvent =>
  processEvent(ProcessAction.exit, tgid, timestampNs);

function comm(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(Buffer.from(text, "latin1").subarray(0, 15));
  return bytes;
}
