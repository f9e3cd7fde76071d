// Generated from the BTF of build/bpf/socket_trace.bpf.o by scripts/gen-layout.ts. Do not edit.

export const EventKind = { socketData: 1, socketState: 2, process: 3 } as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

export const Direction = { ingress: 1, egress: 2 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

export const SocketRole = { unknown: 0, client: 1, server: 2 } as const;
export type SocketRole = (typeof SocketRole)[keyof typeof SocketRole];

export const DataSource = { syscall: 1, tlsLibrary: 2 } as const;
export type DataSource = (typeof DataSource)[keyof typeof DataSource];

export const UnitKind = {
  none: 0,
  goroutine: 1,
  pythonContext: 2,
  greenlet: 3,
  tokioTask: 4,
  jvmVirtualThread: 5,
  nginxRequest: 6,
  nodeAsync: 7,
  rubyFiber: 8,
} as const;
export type UnitKind = (typeof UnitKind)[keyof typeof UnitKind];

export const EventFlags = { faulted: 1, conflict: 2, truncated: 4, noBytes: 8, fin: 16 } as const;

export const ProcessAction = { fork: 1, exec: 2, exit: 3 } as const;
export type ProcessAction = (typeof ProcessAction)[keyof typeof ProcessAction];

/** u64 fields are JavaScript numbers: exact below 2^53. */
export interface EventHeader {
  readonly kind: number;
  readonly length: number;
  readonly timestampNs: number;
  readonly tgid: number;
  readonly pid: number;
}

export interface SocketTuple {
  readonly localAddress: Uint8Array;
  readonly remoteAddress: Uint8Array;
  readonly localPort: number;
  readonly remotePort: number;
  readonly networkNamespace: number;
}

export interface SocketDataEvent {
  readonly header: EventHeader;
  readonly entryNs: number;
  readonly coroutineId: number;
  readonly unitId: number;
  readonly turnId: number;
  readonly socketCookie: number;
  readonly eventNumber: number;
  readonly streamOffset: number;
  readonly tuple: SocketTuple;
  readonly localFirstSequence: number;
  readonly remoteFirstSequence: number;
  readonly callLength: number;
  readonly capturedLength: number;
  readonly flags: number;
  readonly addressFamily: number;
  readonly protocol: number;
  readonly direction: number;
  readonly role: number;
  readonly source: number;
  readonly unitKind: number;
  readonly comm: Uint8Array;
}

export interface SocketStateEvent {
  readonly header: EventHeader;
  readonly socketCookie: number;
  readonly tuple: SocketTuple;
  readonly localFirstSequence: number;
  readonly remoteFirstSequence: number;
  readonly addressFamily: number;
  readonly protocol: number;
  readonly role: number;
  readonly oldState: number;
  readonly newState: number;
}

export interface ProcessEvent {
  readonly header: EventHeader;
  readonly action: number;
  readonly parentTgid: number;
  readonly startTimeNs: number;
  readonly comm: Uint8Array;
}
