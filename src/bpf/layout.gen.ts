// Generated from the BTF of the objects in build/bpf by scripts/gen-layout.ts. Do not edit.
const EMPTY_VIEW = new DataView(new ArrayBuffer(0));

function u64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
}

/** u64 fields are JavaScript numbers: exact below 2^53. u8[] fields are views of the record: valid while it is. */
export const EventKind = {
  socketData: 1,
  socketState: 2,
  process: 3,
  wake: 4,
  io: 5,
  unitEdge: 7,
  handover: 8,
  streamCall: 9,
} as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

export const Direction = {
  ingress: 1,
  egress: 2,
} as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

export const SocketRole = {
  unknown: 0,
  client: 1,
  server: 2,
} as const;
export type SocketRole = (typeof SocketRole)[keyof typeof SocketRole];

export const DataSource = {
  syscall: 1,
  tlsLibrary: 2,
} as const;
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
  haproxyTask: 9,
  pythonJob: 12,
} as const;
export type UnitKind = (typeof UnitKind)[keyof typeof UnitKind];

export const EventFlags = {
  faulted: 1,
  conflict: 2,
  truncated: 4,
  noBytes: 8,
  fin: 16,
  blocking: 32,
  frames: 64,
  watched: 128,
} as const;
export type EventFlags = (typeof EventFlags)[keyof typeof EventFlags];

export const FrameSegmentFlags = {
  startsFrame: 1,
} as const;
export type FrameSegmentFlags = (typeof FrameSegmentFlags)[keyof typeof FrameSegmentFlags];

export const ProcessAction = {
  fork: 1,
  exec: 2,
  exit: 3,
} as const;
export type ProcessAction = (typeof ProcessAction)[keyof typeof ProcessAction];

export const ScopeKind = {
  host: 0,
  pidNamespace: 1,
} as const;
export type ScopeKind = (typeof ScopeKind)[keyof typeof ScopeKind];

export const UnixSockets = {
  off: 0,
  on: 1,
  alone: 2,
} as const;
export type UnixSockets = (typeof UnixSockets)[keyof typeof UnixSockets];

export const VerdictAction = {
  prefix: 0,
  all: 1,
  drop: 2,
  lengths: 3,
  frames: 4,
} as const;
export type VerdictAction = (typeof VerdictAction)[keyof typeof VerdictAction];

export const VerdictFlags = {
  untilTurn: 1,
  localClient: 2,
  restart: 4,
} as const;
export type VerdictFlags = (typeof VerdictFlags)[keyof typeof VerdictFlags];

export const ProcessFilter = {
  none: 0,
  exclude: 1,
  excludeTree: 2,
} as const;
export type ProcessFilter = (typeof ProcessFilter)[keyof typeof ProcessFilter];

export const ProcessFlags = {
  wakes: 1,
} as const;
export type ProcessFlags = (typeof ProcessFlags)[keyof typeof ProcessFlags];

export const TurnPhase = {
  unknown: 0,
  poll: 1,
  other: 2,
} as const;
export type TurnPhase = (typeof TurnPhase)[keyof typeof TurnPhase];

export const UnitStepKind = {
  end: 0,
  threadPointer: 1,
  registerG: 2,
  load: 3,
  load32: 4,
  add: 5,
  toCoroutine: 6,
  toUnit: 7,
  toTurn: 8,
  absolute: 9,
  follow: 10,
  go: 11,
  nginxConnection: 12,
  mainThread: 13,
  toPhase: 14,
  nodeIds: 15,
  initialStack: 16,
  toParent: 17,
  poolJob: 24,
  greenlet: 25,
  nodeMicrotasks: 26,
} as const;
export type UnitStepKind = (typeof UnitStepKind)[keyof typeof UnitStepKind];

export const CauseKind = {
  none: 0,
  goConnection: 1,
  goContext: 2,
  goCreator: 3,
  waker: 4,
  newWaker: 5,
  creation: 6,
  goEndedContext: 7,
  goReader: 8,
  goStream: 9,
  goStreamChild: 10,
  nodeMicrotasks: 11,
  javaPlace: 12,
  javaJob: 13,
  javaRequest: 14,
  javaThread: 15,
} as const;
export type CauseKind = (typeof CauseKind)[keyof typeof CauseKind];

export const UnitEdge = {
  creates: 1,
  answers: 2,
  createsThread: 3,
  threadEnds: 4,
  resumes: 5,
  resumesDetached: 6,
  resumesOften: 7,
  makesObjects: 8,
} as const;
export type UnitEdge = (typeof UnitEdge)[keyof typeof UnitEdge];

export const HandoverWay = {
  gives: 1,
  givesBuffered: 2,
  releases: 3,
  answers: 4,
} as const;
export type HandoverWay = (typeof HandoverWay)[keyof typeof HandoverWay];

export const LossReason = {
  lossRingFull: 0,
  lossRateLimited: 1,
  lossUserFault: 2,
  lossConflict: 3,
  lossCompatCall: 4,
  lossIoUring: 5,
  lossVectorCall: 6,
  lossNoSocketInfo: 7,
  lossSegments: 8,
  consumedDrop: 9,
  consumedSkip: 10,
  consumedExcluded: 11,
  consumedIoLimit: 12,
  lossOverload: 13,
  lossReasons: 14,
} as const;
export type LossReason = (typeof LossReason)[keyof typeof LossReason];

export const IoOperation = {
  read: 1,
  write: 2,
} as const;
export type IoOperation = (typeof IoOperation)[keyof typeof IoOperation];

export const FileType = {
  fifo: 1,
  characterDevice: 2,
  blockDevice: 6,
  regular: 8,
} as const;
export type FileType = (typeof FileType)[keyof typeof FileType];

export const IoMode = {
  off: 0,
  request: 1,
  all: 2,
} as const;
export type IoMode = (typeof IoMode)[keyof typeof IoMode];

/** Of each struct of socket_trace.bpf.o: its size and the offsets of its fields. The loader compares them with the object's BTF. */
export const LAYOUT = {
  event_header: { sizeBytes: 24, offsets: { kind: 0, length: 4, timestamp_ns: 8, tgid: 16, pid: 20 } },
  socket_tuple: { sizeBytes: 40, offsets: { local_address: 0, remote_address: 16, local_port: 32, remote_port: 34, network_namespace: 36 } },
  socket_data_event: { sizeBytes: 200, offsets: { header: 0, entry_ns: 24, coroutine_id: 32, unit_id: 40, unit_parent: 48, unit_count: 56, turn_id: 64, cause_id: 72, cause_request: 80, socket_cookie: 88, event_number: 96, stream_offset: 104, tuple: 112, local_first_sequence: 152, remote_first_sequence: 156, call_length: 160, captured_length: 164, flags: 168, address_family: 172, protocol: 173, direction: 174, role: 175, source: 176, unit_kind: 177, cause_kind: 178, comm: 184 } },
  frame_segment: { sizeBytes: 12, offsets: { offset: 0, length: 4, flags: 6, left_out: 8 } },
  socket_state_event: { sizeBytes: 128, offsets: { header: 0, coroutine_id: 24, unit_id: 32, unit_parent: 40, unit_count: 48, turn_id: 56, socket_cookie: 64, tuple: 72, local_first_sequence: 112, remote_first_sequence: 116, address_family: 120, protocol: 121, role: 122, old_state: 123, new_state: 124, unit_kind: 125, name_length: 126 } },
  process_event: { sizeBytes: 72, offsets: { header: 0, action: 24, parent_tgid: 28, start_time_ns: 32, cgroup_id: 40, comm: 48, filename_length: 64, arguments_length: 68 } },
  wake_event: { sizeBytes: 48, offsets: { header: 0, woken: 24, hops: 28, waker_ran_ns: 32, woken_ran_ns: 40 } },
  unit_edge_event: { sizeBytes: 64, offsets: { header: 0, from_id: 24, to_id: 32, from_creation: 40, work: 48, edge: 56, unit_kind: 60 } },
  handover_event: { sizeBytes: 104, offsets: { header: 0, from_id: 24, from_creator: 32, from_read_ns: 40, from_start_pc: 48, to_id: 56, to_creator: 64, to_read_ns: 72, to_start_pc: 80, value_type: 88, way: 96, lost: 100 } },
  stream_call_event: { sizeBytes: 72, offsets: { header: 0, writer_id: 24, unit_id: 32, unit_parent: 40, cause_id: 48, cause_request: 56, stream_id: 64, cause_kind: 68 } },
  trace_request: { sizeBytes: 48, offsets: { socket_cookie: 0, stream_offset: 8, read_ns: 16, answered_ns: 24, local_first_sequence: 32, remote_first_sequence: 36, open: 40, io_events: 44 } },
  io_event: { sizeBytes: 144, offsets: { header: 0, entry_ns: 24, coroutine_id: 32, unit_id: 40, unit_parent: 48, unit_count: 56, turn_id: 64, file_offset: 72, length: 80, inode: 88, request_socket_cookie: 96, request_stream_offset: 104, device: 112, error: 116, path_length: 120, operation: 124, file_type: 125, unit_kind: 126, is_path_cut: 127, comm: 128 } },
  trace_conf: { sizeBytes: 88, offsets: { pid_namespace_device: 0, pid_namespace_inode: 8, cgroup_id: 16, bytes_per_second: 24, burst_bytes: 32, scope: 40, cgroup_level: 44, default_limit: 48, udp_send_by_length: 52, recvmsg_arguments: 56, page_moves: 60, socket_storage: 64, trace_requests: 68, unix_salt: 72, unix_sockets: 80 } },
  socket_verdict: { sizeBytes: 48, offsets: { skip_until_ingress: 0, skip_until_egress: 8, drop_idle_ns: 16, drop_calls: 24, action: 28, limit: 32, flags: 36, serial: 40, framing: 44 } },
  frame_rule: { sizeBytes: 4, offsets: { whole: 0, first: 2 } },
  framing: { sizeBytes: 2080, offsets: { signature: 0, preface_length: 8, maximum: 12, length_bias: 16, header_length: 20, length_offset: 21, length_shift: 22, little_endian: 23, type_offset: 24, client: 32, server: 1056 } },
  unit_step: { sizeBytes: 16, offsets: { operand: 0, kind: 8 } },
  pool_site: { sizeBytes: 64, offsets: { code: 0, proof: 8, code_offset: 16, job_offset: 18, proof_offset: 20, proof_hop: 22, hop_count: 23, hops: 24, unit_kind: 44, name_text: 45, name: 48 } },
  go_layout: { sizeBytes: 240, offsets: { serve_start_pc: 0, write_loop_start_pc: 8, read_loop_start_pc: 16, all_goroutines: 24, all_processors: 32, goid_counter: 40, library_start: 48, library_length: 56, http2_start: 64, http2_length: 72, x_http2_start: 80, x_http2_length: 88, http2_call_start_pc: 96, x_http2_call_start_pc: 104, grpc_start_pc: 112, wait_group_add: 120, wait_group_add_length: 128, context_key: 136, processors: 144, marks_since_ns: 208, goid: 216, parent_goid: 218, start_pc: 220, processor: 222, goid_cache: 224, receive_queue: 226, sudog_channel: 228, write_request: 230, connection: 232, request_context: 234, current_request: 236, has_streams: 238 } },
  python_layout: { sizeBytes: 232, offsets: { work_item_type: 0, function_type: 8, task_context: 16, coroutine_name: 18, function_hops: 20, site_hops: 24, puts_off: 34, clients: 40 } },
  java_layout: { sizeBytes: 224, offsets: { heap: 0, heap_length: 8, oop_base: 16, klass_base: 24, collections: 32, collects: 40, tls_block: 48, current_thread: 56, future_tasks: 64, async_supply: 96, async_run: 104, completable_future: 112, exchange_classes: 120, learn_ns: 160, exchange_fields: 168, klass: 178, runner: 180, async_future: 182, async_function: 184, result: 186, future_size: 188, thread_object: 190, mounted_object: 192, buffer_start: 194, buffer_top: 196, buffer_end: 198, last_sp: 200, stack_base: 202, class_name: 204, symbol_body: 206, base_class: 208, fruitless: 210, oop_shift: 212, klass_shift: 213, continuation_entry: 214, continuation: 216, mounts: 220 } },
  process_control: { sizeBytes: 1264, offsets: { bucket_ns: 0, bucket_bytes: 8, filter: 16, unit_kind: 20, step_count: 24, flags: 28, lock_address: 32, lock_length: 40, steps: 48, pools: 304, go: 560, python: 800, java: 1032, handovers_lost: 1256 } },
  trace_key: { sizeBytes: 16, offsets: { id: 0, tgid: 8, kind: 12 } },
  trace_settings: { sizeBytes: 16, offsets: { io_threshold_ns: 0, io_mode: 8, io_events_per_request: 12 } },
} as const;

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
  readonly unitParent: number;
  readonly unitCount: number;
  readonly turnId: number;
  readonly causeId: number;
  readonly causeRequest: number;
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
  readonly causeKind: number;
  readonly comm: Uint8Array;
}

export interface FrameSegment {
  readonly offset: number;
  readonly length: number;
  readonly flags: number;
  readonly leftOut: number;
}

export interface SocketStateEvent {
  readonly header: EventHeader;
  readonly coroutineId: number;
  readonly unitId: number;
  readonly unitParent: number;
  readonly unitCount: number;
  readonly turnId: number;
  readonly socketCookie: number;
  readonly tuple: SocketTuple;
  readonly localFirstSequence: number;
  readonly remoteFirstSequence: number;
  readonly addressFamily: number;
  readonly protocol: number;
  readonly role: number;
  readonly oldState: number;
  readonly newState: number;
  readonly unitKind: number;
  readonly nameLength: number;
}

export interface ProcessEvent {
  readonly header: EventHeader;
  readonly action: number;
  readonly parentTgid: number;
  readonly startTimeNs: number;
  readonly cgroupId: number;
  readonly comm: Uint8Array;
  readonly filenameLength: number;
  readonly argumentsLength: number;
}

export interface WakeEvent {
  readonly header: EventHeader;
  readonly woken: number;
  readonly hops: number;
  readonly wakerRanNs: number;
  readonly wokenRanNs: number;
}

export interface UnitEdgeEvent {
  readonly header: EventHeader;
  readonly fromId: number;
  readonly toId: number;
  readonly fromCreation: number;
  readonly work: number;
  readonly edge: number;
  readonly unitKind: number;
}

export interface HandoverEvent {
  readonly header: EventHeader;
  readonly fromId: number;
  readonly fromCreator: number;
  readonly fromReadNs: number;
  readonly fromStartPc: number;
  readonly toId: number;
  readonly toCreator: number;
  readonly toReadNs: number;
  readonly toStartPc: number;
  readonly valueType: number;
  readonly way: number;
  readonly lost: number;
}

export interface StreamCallEvent {
  readonly header: EventHeader;
  readonly writerId: number;
  readonly unitId: number;
  readonly unitParent: number;
  readonly causeId: number;
  readonly causeRequest: number;
  readonly streamId: number;
  readonly causeKind: number;
}

export interface TraceRequest {
  readonly socketCookie: number;
  readonly streamOffset: number;
  readonly readNs: number;
  readonly answeredNs: number;
  readonly localFirstSequence: number;
  readonly remoteFirstSequence: number;
  readonly open: number;
  readonly ioEvents: number;
}

export interface IoEvent {
  readonly header: EventHeader;
  readonly entryNs: number;
  readonly coroutineId: number;
  readonly unitId: number;
  readonly unitParent: number;
  readonly unitCount: number;
  readonly turnId: number;
  readonly fileOffset: number;
  readonly length: number;
  readonly inode: number;
  readonly requestSocketCookie: number;
  readonly requestStreamOffset: number;
  readonly device: number;
  readonly error: number;
  readonly pathLength: number;
  readonly operation: number;
  readonly fileType: number;
  readonly unitKind: number;
  readonly isPathCut: number;
  readonly comm: Uint8Array;
}

export interface TraceConf {
  readonly pidNamespaceDevice: number;
  readonly pidNamespaceInode: number;
  readonly cgroupId: number;
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  readonly scope: number;
  readonly cgroupLevel: number;
  readonly defaultLimit: number;
  readonly udpSendByLength: number;
  readonly recvmsgArguments: number;
  readonly pageMoves: number;
  readonly socketStorage: number;
  readonly traceRequests: number;
  readonly unixSalt: number;
  readonly unixSockets: number;
}

export interface SocketVerdict {
  readonly skipUntilIngress: number;
  readonly skipUntilEgress: number;
  readonly dropIdleNs: number;
  readonly dropCalls: number;
  readonly action: number;
  readonly limit: number;
  readonly flags: number;
  readonly serial: number;
  readonly framing: number;
}

export interface FrameRule {
  readonly whole: number;
  readonly first: number;
}

export interface Framing {
  readonly signature: Uint8Array;
  readonly prefaceLength: number;
  readonly maximum: number;
  readonly lengthBias: number;
  readonly headerLength: number;
  readonly lengthOffset: number;
  readonly lengthShift: number;
  readonly littleEndian: number;
  readonly typeOffset: number;
  readonly client: readonly FrameRule[];
  readonly server: readonly FrameRule[];
}

export interface UnitStep {
  readonly operand: number;
  readonly kind: number;
}

export interface PoolSite {
  readonly code: number;
  readonly proof: number;
  readonly codeOffset: number;
  readonly jobOffset: number;
  readonly proofOffset: number;
  readonly proofHop: number;
  readonly hopCount: number;
  readonly hops: readonly number[];
  readonly unitKind: number;
  readonly nameText: number;
  readonly name: readonly number[];
}

export interface GoLayout {
  readonly serveStartPc: number;
  readonly writeLoopStartPc: number;
  readonly readLoopStartPc: number;
  readonly allGoroutines: number;
  readonly allProcessors: number;
  readonly goidCounter: number;
  readonly libraryStart: number;
  readonly libraryLength: number;
  readonly http2Start: number;
  readonly http2Length: number;
  readonly xHttp2Start: number;
  readonly xHttp2Length: number;
  readonly http2CallStartPc: number;
  readonly xHttp2CallStartPc: number;
  readonly grpcStartPc: number;
  readonly waitGroupAdd: number;
  readonly waitGroupAddLength: number;
  readonly contextKey: number;
  readonly processors: readonly number[];
  readonly marksSinceNs: number;
  readonly goid: number;
  readonly parentGoid: number;
  readonly startPc: number;
  readonly processor: number;
  readonly goidCache: number;
  readonly receiveQueue: number;
  readonly sudogChannel: number;
  readonly writeRequest: number;
  readonly connection: number;
  readonly requestContext: number;
  readonly currentRequest: number;
  readonly hasStreams: number;
}

export interface PythonLayout {
  readonly workItemType: number;
  readonly functionType: number;
  readonly taskContext: number;
  readonly coroutineName: number;
  readonly functionHops: readonly number[];
  readonly siteHops: readonly number[];
  readonly putsOff: number;
  readonly clients: readonly PoolSite[];
}

export interface JavaLayout {
  readonly heap: number;
  readonly heapLength: number;
  readonly oopBase: number;
  readonly klassBase: number;
  readonly collections: number;
  readonly collects: number;
  readonly tlsBlock: number;
  readonly currentThread: number;
  readonly futureTasks: readonly number[];
  readonly asyncSupply: number;
  readonly asyncRun: number;
  readonly completableFuture: number;
  readonly exchangeClasses: readonly number[];
  readonly learnNs: number;
  readonly exchangeFields: readonly number[];
  readonly klass: number;
  readonly runner: number;
  readonly asyncFuture: number;
  readonly asyncFunction: number;
  readonly result: number;
  readonly futureSize: number;
  readonly threadObject: number;
  readonly mountedObject: number;
  readonly bufferStart: number;
  readonly bufferTop: number;
  readonly bufferEnd: number;
  readonly lastSp: number;
  readonly stackBase: number;
  readonly className: number;
  readonly symbolBody: number;
  readonly baseClass: number;
  readonly fruitless: number;
  readonly oopShift: number;
  readonly klassShift: number;
  readonly continuationEntry: number;
  readonly continuation: number;
  readonly mounts: number;
}

export interface ProcessControl {
  readonly bucketNs: number;
  readonly bucketBytes: number;
  readonly filter: number;
  readonly unitKind: number;
  readonly stepCount: number;
  readonly flags: number;
  readonly lockAddress: number;
  readonly lockLength: number;
  readonly steps: readonly UnitStep[];
  readonly pools: readonly PoolSite[];
  readonly go: GoLayout;
  readonly python: PythonLayout;
  readonly java: JavaLayout;
  readonly handoversLost: number;
}

export interface TraceKey {
  readonly id: number;
  readonly tgid: number;
  readonly kind: number;
}

export interface TraceSettings {
  readonly ioThresholdNs: number;
  readonly ioMode: number;
  readonly ioEventsPerRequest: number;
}

export function decodeEventHeader(view: DataView, offset: number): EventHeader {
  return {
    kind: view.getUint32(offset, true),
    length: view.getUint32(offset + 4, true),
    timestampNs: u64(view, offset + 8),
    tgid: view.getUint32(offset + 16, true),
    pid: view.getUint32(offset + 20, true),
  };
}

export function decodeSocketTuple(view: DataView, offset: number): SocketTuple {
  return {
    localAddress: new Uint8Array(view.buffer, view.byteOffset + offset, 16),
    remoteAddress: new Uint8Array(view.buffer, view.byteOffset + offset + 16, 16),
    localPort: view.getUint16(offset + 32, true),
    remotePort: view.getUint16(offset + 34, true),
    networkNamespace: view.getUint32(offset + 36, true),
  };
}

export function decodeSocketDataEvent(view: DataView, offset: number): SocketDataEvent {
  return {
    header: decodeEventHeader(view, offset),
    entryNs: u64(view, offset + 24),
    coroutineId: u64(view, offset + 32),
    unitId: u64(view, offset + 40),
    unitParent: u64(view, offset + 48),
    unitCount: u64(view, offset + 56),
    turnId: u64(view, offset + 64),
    causeId: u64(view, offset + 72),
    causeRequest: u64(view, offset + 80),
    socketCookie: u64(view, offset + 88),
    eventNumber: u64(view, offset + 96),
    streamOffset: u64(view, offset + 104),
    tuple: decodeSocketTuple(view, offset + 112),
    localFirstSequence: view.getUint32(offset + 152, true),
    remoteFirstSequence: view.getUint32(offset + 156, true),
    callLength: view.getUint32(offset + 160, true),
    capturedLength: view.getUint32(offset + 164, true),
    flags: view.getUint32(offset + 168, true),
    addressFamily: view.getUint8(offset + 172),
    protocol: view.getUint8(offset + 173),
    direction: view.getUint8(offset + 174),
    role: view.getUint8(offset + 175),
    source: view.getUint8(offset + 176),
    unitKind: view.getUint8(offset + 177),
    causeKind: view.getUint8(offset + 178),
    comm: new Uint8Array(view.buffer, view.byteOffset + offset + 184, 16),
  };
}

export function decodeFrameSegment(view: DataView, offset: number): FrameSegment {
  return {
    offset: view.getUint32(offset, true),
    length: view.getUint16(offset + 4, true),
    flags: view.getUint16(offset + 6, true),
    leftOut: view.getUint32(offset + 8, true),
  };
}

export function decodeSocketStateEvent(view: DataView, offset: number): SocketStateEvent {
  return {
    header: decodeEventHeader(view, offset),
    coroutineId: u64(view, offset + 24),
    unitId: u64(view, offset + 32),
    unitParent: u64(view, offset + 40),
    unitCount: u64(view, offset + 48),
    turnId: u64(view, offset + 56),
    socketCookie: u64(view, offset + 64),
    tuple: decodeSocketTuple(view, offset + 72),
    localFirstSequence: view.getUint32(offset + 112, true),
    remoteFirstSequence: view.getUint32(offset + 116, true),
    addressFamily: view.getUint8(offset + 120),
    protocol: view.getUint8(offset + 121),
    role: view.getUint8(offset + 122),
    oldState: view.getUint8(offset + 123),
    newState: view.getUint8(offset + 124),
    unitKind: view.getUint8(offset + 125),
    nameLength: view.getUint8(offset + 126),
  };
}

export function decodeProcessEvent(view: DataView, offset: number): ProcessEvent {
  return {
    header: decodeEventHeader(view, offset),
    action: view.getUint32(offset + 24, true),
    parentTgid: view.getUint32(offset + 28, true),
    startTimeNs: u64(view, offset + 32),
    cgroupId: u64(view, offset + 40),
    comm: new Uint8Array(view.buffer, view.byteOffset + offset + 48, 16),
    filenameLength: view.getUint32(offset + 64, true),
    argumentsLength: view.getUint32(offset + 68, true),
  };
}

export function decodeWakeEvent(view: DataView, offset: number): WakeEvent {
  return {
    header: decodeEventHeader(view, offset),
    woken: view.getUint32(offset + 24, true),
    hops: view.getUint32(offset + 28, true),
    wakerRanNs: u64(view, offset + 32),
    wokenRanNs: u64(view, offset + 40),
  };
}

export function decodeUnitEdgeEvent(view: DataView, offset: number): UnitEdgeEvent {
  return {
    header: decodeEventHeader(view, offset),
    fromId: u64(view, offset + 24),
    toId: u64(view, offset + 32),
    fromCreation: u64(view, offset + 40),
    work: u64(view, offset + 48),
    edge: view.getUint32(offset + 56, true),
    unitKind: view.getUint32(offset + 60, true),
  };
}

export function decodeHandoverEvent(view: DataView, offset: number): HandoverEvent {
  return {
    header: decodeEventHeader(view, offset),
    fromId: u64(view, offset + 24),
    fromCreator: u64(view, offset + 32),
    fromReadNs: u64(view, offset + 40),
    fromStartPc: u64(view, offset + 48),
    toId: u64(view, offset + 56),
    toCreator: u64(view, offset + 64),
    toReadNs: u64(view, offset + 72),
    toStartPc: u64(view, offset + 80),
    valueType: u64(view, offset + 88),
    way: view.getUint32(offset + 96, true),
    lost: view.getUint32(offset + 100, true),
  };
}

export function decodeStreamCallEvent(view: DataView, offset: number): StreamCallEvent {
  return {
    header: decodeEventHeader(view, offset),
    writerId: u64(view, offset + 24),
    unitId: u64(view, offset + 32),
    unitParent: u64(view, offset + 40),
    causeId: u64(view, offset + 48),
    causeRequest: u64(view, offset + 56),
    streamId: view.getUint32(offset + 64, true),
    causeKind: view.getUint32(offset + 68, true),
  };
}

export function decodeTraceRequest(view: DataView, offset: number): TraceRequest {
  return {
    socketCookie: u64(view, offset),
    streamOffset: u64(view, offset + 8),
    readNs: u64(view, offset + 16),
    answeredNs: u64(view, offset + 24),
    localFirstSequence: view.getUint32(offset + 32, true),
    remoteFirstSequence: view.getUint32(offset + 36, true),
    open: view.getUint32(offset + 40, true),
    ioEvents: view.getUint32(offset + 44, true),
  };
}

export function decodeIoEvent(view: DataView, offset: number): IoEvent {
  return {
    header: decodeEventHeader(view, offset),
    entryNs: u64(view, offset + 24),
    coroutineId: u64(view, offset + 32),
    unitId: u64(view, offset + 40),
    unitParent: u64(view, offset + 48),
    unitCount: u64(view, offset + 56),
    turnId: u64(view, offset + 64),
    fileOffset: u64(view, offset + 72),
    length: u64(view, offset + 80),
    inode: u64(view, offset + 88),
    requestSocketCookie: u64(view, offset + 96),
    requestStreamOffset: u64(view, offset + 104),
    device: view.getUint32(offset + 112, true),
    error: view.getUint32(offset + 116, true),
    pathLength: view.getUint32(offset + 120, true),
    operation: view.getUint8(offset + 124),
    fileType: view.getUint8(offset + 125),
    unitKind: view.getUint8(offset + 126),
    isPathCut: view.getUint8(offset + 127),
    comm: new Uint8Array(view.buffer, view.byteOffset + offset + 128, 16),
  };
}

/** One EventHeader after the other: each `read` overwrites what the one before it has said. */
export class EventHeaderReader implements EventHeader {
  kind = 0;
  length = 0;
  timestampNs = 0;
  tgid = 0;
  pid = 0;

  read(view: DataView, offset: number): this {
    this.kind = view.getUint32(offset, true);
    this.length = view.getUint32(offset + 4, true);
    this.timestampNs = u64(view, offset + 8);
    this.tgid = view.getUint32(offset + 16, true);
    this.pid = view.getUint32(offset + 20, true);
    return this;
  }
}

/** One SocketTuple after the other: each `read` overwrites what the one before it has said. */
export class SocketTupleReader implements SocketTuple {
  #view: DataView = EMPTY_VIEW;
  #offset = 0;
  localPort = 0;
  remotePort = 0;
  networkNamespace = 0;

  read(view: DataView, offset: number): this {
    this.#view = view;
    this.#offset = offset;
    this.localPort = view.getUint16(offset + 32, true);
    this.remotePort = view.getUint16(offset + 34, true);
    this.networkNamespace = view.getUint32(offset + 36, true);
    return this;
  }

  get localAddress(): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#offset + 0, 16);
  }

  get remoteAddress(): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#offset + 16, 16);
  }
}

/** One SocketDataEvent after the other: each `read` overwrites what the one before it has said. */
export class SocketDataEventReader implements SocketDataEvent {
  #view: DataView = EMPTY_VIEW;
  #offset = 0;
  readonly header = new EventHeaderReader();
  readonly tuple = new SocketTupleReader();
  entryNs = 0;
  coroutineId = 0;
  unitId = 0;
  unitParent = 0;
  unitCount = 0;
  turnId = 0;
  causeId = 0;
  causeRequest = 0;
  socketCookie = 0;
  eventNumber = 0;
  streamOffset = 0;
  localFirstSequence = 0;
  remoteFirstSequence = 0;
  callLength = 0;
  capturedLength = 0;
  flags = 0;
  addressFamily = 0;
  protocol = 0;
  direction = 0;
  role = 0;
  source = 0;
  unitKind = 0;
  causeKind = 0;

  read(view: DataView, offset: number): this {
    this.#view = view;
    this.#offset = offset;
    this.header.read(view, offset);
    this.tuple.read(view, offset + 112);
    this.entryNs = u64(view, offset + 24);
    this.coroutineId = u64(view, offset + 32);
    this.unitId = u64(view, offset + 40);
    this.unitParent = u64(view, offset + 48);
    this.unitCount = u64(view, offset + 56);
    this.turnId = u64(view, offset + 64);
    this.causeId = u64(view, offset + 72);
    this.causeRequest = u64(view, offset + 80);
    this.socketCookie = u64(view, offset + 88);
    this.eventNumber = u64(view, offset + 96);
    this.streamOffset = u64(view, offset + 104);
    this.localFirstSequence = view.getUint32(offset + 152, true);
    this.remoteFirstSequence = view.getUint32(offset + 156, true);
    this.callLength = view.getUint32(offset + 160, true);
    this.capturedLength = view.getUint32(offset + 164, true);
    this.flags = view.getUint32(offset + 168, true);
    this.addressFamily = view.getUint8(offset + 172);
    this.protocol = view.getUint8(offset + 173);
    this.direction = view.getUint8(offset + 174);
    this.role = view.getUint8(offset + 175);
    this.source = view.getUint8(offset + 176);
    this.unitKind = view.getUint8(offset + 177);
    this.causeKind = view.getUint8(offset + 178);
    return this;
  }

  get comm(): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#offset + 184, 16);
  }
}

/** Writes into zeroed memory. */
export function encodeTraceConf(view: DataView, offset: number, value: TraceConf): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.pidNamespaceDevice)), true);
  view.setBigInt64(offset + 8, BigInt.asIntN(64, BigInt(value.pidNamespaceInode)), true);
  view.setBigInt64(offset + 16, BigInt.asIntN(64, BigInt(value.cgroupId)), true);
  view.setBigInt64(offset + 24, BigInt.asIntN(64, BigInt(value.bytesPerSecond)), true);
  view.setBigInt64(offset + 32, BigInt.asIntN(64, BigInt(value.burstBytes)), true);
  view.setUint32(offset + 40, value.scope, true);
  view.setUint32(offset + 44, value.cgroupLevel, true);
  view.setUint32(offset + 48, value.defaultLimit, true);
  view.setUint32(offset + 52, value.udpSendByLength, true);
  view.setUint32(offset + 56, value.recvmsgArguments, true);
  view.setUint32(offset + 60, value.pageMoves, true);
  view.setUint32(offset + 64, value.socketStorage, true);
  view.setUint32(offset + 68, value.traceRequests, true);
  view.setBigInt64(offset + 72, BigInt.asIntN(64, BigInt(value.unixSalt)), true);
  view.setUint32(offset + 80, value.unixSockets, true);
}

/** Writes into zeroed memory. */
export function encodeSocketVerdict(view: DataView, offset: number, value: SocketVerdict): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.skipUntilIngress)), true);
  view.setBigInt64(offset + 8, BigInt.asIntN(64, BigInt(value.skipUntilEgress)), true);
  view.setBigInt64(offset + 16, BigInt.asIntN(64, BigInt(value.dropIdleNs)), true);
  view.setUint32(offset + 24, value.dropCalls, true);
  view.setUint32(offset + 28, value.action, true);
  view.setUint32(offset + 32, value.limit, true);
  view.setUint32(offset + 36, value.flags, true);
  view.setUint32(offset + 40, value.serial, true);
  view.setUint32(offset + 44, value.framing, true);
}

/** Writes into zeroed memory. */
export function encodeFrameRule(view: DataView, offset: number, value: FrameRule): void {
  view.setUint16(offset, value.whole, true);
  view.setUint16(offset + 2, value.first, true);
}

/** Writes into zeroed memory. */
export function encodeFraming(view: DataView, offset: number, value: Framing): void {
  value.signature.slice(0, 8).forEach((element, index) => { view.setUint8(offset + index * 1, element); });
  view.setUint32(offset + 8, value.prefaceLength, true);
  view.setUint32(offset + 12, value.maximum, true);
  view.setUint32(offset + 16, value.lengthBias, true);
  view.setUint8(offset + 20, value.headerLength);
  view.setUint8(offset + 21, value.lengthOffset);
  view.setUint8(offset + 22, value.lengthShift);
  view.setUint8(offset + 23, value.littleEndian);
  view.setUint8(offset + 24, value.typeOffset);
  value.client.slice(0, 256).forEach((element, index) => { encodeFrameRule(view, offset + 32 + index * 4, element); });
  value.server.slice(0, 256).forEach((element, index) => { encodeFrameRule(view, offset + 1056 + index * 4, element); });
}

/** Writes into zeroed memory. */
export function encodeUnitStep(view: DataView, offset: number, value: UnitStep): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.operand)), true);
  view.setUint32(offset + 8, value.kind, true);
}

/** Writes into zeroed memory. */
export function encodePoolSite(view: DataView, offset: number, value: PoolSite): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.code)), true);
  view.setBigInt64(offset + 8, BigInt.asIntN(64, BigInt(value.proof)), true);
  view.setUint16(offset + 16, value.codeOffset, true);
  view.setUint16(offset + 18, value.jobOffset, true);
  view.setUint16(offset + 20, value.proofOffset, true);
  view.setUint8(offset + 22, value.proofHop);
  view.setUint8(offset + 23, value.hopCount);
  value.hops.slice(0, 10).forEach((element, index) => { view.setUint16(offset + 24 + index * 2, element, true); });
  view.setUint8(offset + 44, value.unitKind);
  view.setUint8(offset + 45, value.nameText);
  value.name.slice(0, 4).forEach((element, index) => { view.setUint32(offset + 48 + index * 4, element, true); });
}

/** Writes into zeroed memory. */
export function encodeGoLayout(view: DataView, offset: number, value: GoLayout): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.serveStartPc)), true);
  view.setBigInt64(offset + 8, BigInt.asIntN(64, BigInt(value.writeLoopStartPc)), true);
  view.setBigInt64(offset + 16, BigInt.asIntN(64, BigInt(value.readLoopStartPc)), true);
  view.setBigInt64(offset + 24, BigInt.asIntN(64, BigInt(value.allGoroutines)), true);
  view.setBigInt64(offset + 32, BigInt.asIntN(64, BigInt(value.allProcessors)), true);
  view.setBigInt64(offset + 40, BigInt.asIntN(64, BigInt(value.goidCounter)), true);
  view.setBigInt64(offset + 48, BigInt.asIntN(64, BigInt(value.libraryStart)), true);
  view.setBigInt64(offset + 56, BigInt.asIntN(64, BigInt(value.libraryLength)), true);
  view.setBigInt64(offset + 64, BigInt.asIntN(64, BigInt(value.http2Start)), true);
  view.setBigInt64(offset + 72, BigInt.asIntN(64, BigInt(value.http2Length)), true);
  view.setBigInt64(offset + 80, BigInt.asIntN(64, BigInt(value.xHttp2Start)), true);
  view.setBigInt64(offset + 88, BigInt.asIntN(64, BigInt(value.xHttp2Length)), true);
  view.setBigInt64(offset + 96, BigInt.asIntN(64, BigInt(value.http2CallStartPc)), true);
  view.setBigInt64(offset + 104, BigInt.asIntN(64, BigInt(value.xHttp2CallStartPc)), true);
  view.setBigInt64(offset + 112, BigInt.asIntN(64, BigInt(value.grpcStartPc)), true);
  view.setBigInt64(offset + 120, BigInt.asIntN(64, BigInt(value.waitGroupAdd)), true);
  view.setBigInt64(offset + 128, BigInt.asIntN(64, BigInt(value.waitGroupAddLength)), true);
  view.setBigInt64(offset + 136, BigInt.asIntN(64, BigInt(value.contextKey)), true);
  value.processors.slice(0, 8).forEach((element, index) => { view.setBigInt64(offset + 144 + index * 8, BigInt.asIntN(64, BigInt(element)), true); });
  view.setBigInt64(offset + 208, BigInt.asIntN(64, BigInt(value.marksSinceNs)), true);
  view.setUint16(offset + 216, value.goid, true);
  view.setUint16(offset + 218, value.parentGoid, true);
  view.setUint16(offset + 220, value.startPc, true);
  view.setUint16(offset + 222, value.processor, true);
  view.setUint16(offset + 224, value.goidCache, true);
  view.setUint16(offset + 226, value.receiveQueue, true);
  view.setUint16(offset + 228, value.sudogChannel, true);
  view.setUint16(offset + 230, value.writeRequest, true);
  view.setUint16(offset + 232, value.connection, true);
  view.setUint16(offset + 234, value.requestContext, true);
  view.setUint16(offset + 236, value.currentRequest, true);
  view.setUint16(offset + 238, value.hasStreams, true);
}

/** Writes into zeroed memory. */
export function encodePythonLayout(view: DataView, offset: number, value: PythonLayout): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.workItemType)), true);
  view.setBigInt64(offset + 8, BigInt.asIntN(64, BigInt(value.functionType)), true);
  view.setUint16(offset + 16, value.taskContext, true);
  view.setUint16(offset + 18, value.coroutineName, true);
  value.functionHops.slice(0, 2).forEach((element, index) => { view.setUint16(offset + 20 + index * 2, element, true); });
  value.siteHops.slice(0, 5).forEach((element, index) => { view.setUint16(offset + 24 + index * 2, element, true); });
  view.setUint16(offset + 34, value.putsOff, true);
  value.clients.slice(0, 3).forEach((element, index) => { encodePoolSite(view, offset + 40 + index * 64, element); });
}

/** Writes into zeroed memory. */
export function encodeJavaLayout(view: DataView, offset: number, value: JavaLayout): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.heap)), true);
  view.setBigInt64(offset + 8, BigInt.asIntN(64, BigInt(value.heapLength)), true);
  view.setBigInt64(offset + 16, BigInt.asIntN(64, BigInt(value.oopBase)), true);
  view.setBigInt64(offset + 24, BigInt.asIntN(64, BigInt(value.klassBase)), true);
  view.setBigInt64(offset + 32, BigInt.asIntN(64, BigInt(value.collections)), true);
  view.setBigInt64(offset + 40, BigInt.asIntN(64, BigInt(value.collects)), true);
  view.setBigInt64(offset + 48, BigInt.asIntN(64, BigInt(value.tlsBlock)), true);
  view.setBigInt64(offset + 56, BigInt.asIntN(64, BigInt(value.currentThread)), true);
  value.futureTasks.slice(0, 4).forEach((element, index) => { view.setBigInt64(offset + 64 + index * 8, BigInt.asIntN(64, BigInt(element)), true); });
  view.setBigInt64(offset + 96, BigInt.asIntN(64, BigInt(value.asyncSupply)), true);
  view.setBigInt64(offset + 104, BigInt.asIntN(64, BigInt(value.asyncRun)), true);
  view.setBigInt64(offset + 112, BigInt.asIntN(64, BigInt(value.completableFuture)), true);
  value.exchangeClasses.slice(0, 5).forEach((element, index) => { view.setBigInt64(offset + 120 + index * 8, BigInt.asIntN(64, BigInt(element)), true); });
  view.setBigInt64(offset + 160, BigInt.asIntN(64, BigInt(value.learnNs)), true);
  value.exchangeFields.slice(0, 5).forEach((element, index) => { view.setUint16(offset + 168 + index * 2, element, true); });
  view.setUint16(offset + 178, value.klass, true);
  view.setUint16(offset + 180, value.runner, true);
  view.setUint16(offset + 182, value.asyncFuture, true);
  view.setUint16(offset + 184, value.asyncFunction, true);
  view.setUint16(offset + 186, value.result, true);
  view.setUint16(offset + 188, value.futureSize, true);
  view.setUint16(offset + 190, value.threadObject, true);
  view.setUint16(offset + 192, value.mountedObject, true);
  view.setUint16(offset + 194, value.bufferStart, true);
  view.setUint16(offset + 196, value.bufferTop, true);
  view.setUint16(offset + 198, value.bufferEnd, true);
  view.setUint16(offset + 200, value.lastSp, true);
  view.setUint16(offset + 202, value.stackBase, true);
  view.setUint16(offset + 204, value.className, true);
  view.setUint16(offset + 206, value.symbolBody, true);
  view.setUint16(offset + 208, value.baseClass, true);
  view.setUint16(offset + 210, value.fruitless, true);
  view.setUint8(offset + 212, value.oopShift);
  view.setUint8(offset + 213, value.klassShift);
  view.setUint16(offset + 214, value.continuationEntry, true);
  view.setUint16(offset + 216, value.continuation, true);
  view.setUint32(offset + 220, value.mounts, true);
}

/** Writes into zeroed memory. */
export function encodeProcessControl(view: DataView, offset: number, value: ProcessControl): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.bucketNs)), true);
  view.setBigInt64(offset + 8, BigInt.asIntN(64, BigInt(value.bucketBytes)), true);
  view.setUint32(offset + 16, value.filter, true);
  view.setUint32(offset + 20, value.unitKind, true);
  view.setUint32(offset + 24, value.stepCount, true);
  view.setUint32(offset + 28, value.flags, true);
  view.setBigInt64(offset + 32, BigInt.asIntN(64, BigInt(value.lockAddress)), true);
  view.setBigInt64(offset + 40, BigInt.asIntN(64, BigInt(value.lockLength)), true);
  value.steps.slice(0, 16).forEach((element, index) => { encodeUnitStep(view, offset + 48 + index * 16, element); });
  value.pools.slice(0, 4).forEach((element, index) => { encodePoolSite(view, offset + 304 + index * 64, element); });
  encodeGoLayout(view, offset + 560, value.go);
  encodePythonLayout(view, offset + 800, value.python);
  encodeJavaLayout(view, offset + 1032, value.java);
  view.setUint32(offset + 1256, value.handoversLost, true);
}

/** Writes into zeroed memory. */
export function encodeTraceKey(view: DataView, offset: number, value: TraceKey): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.id)), true);
  view.setUint32(offset + 8, value.tgid, true);
  view.setUint32(offset + 12, value.kind, true);
}

/** Writes into zeroed memory. */
export function encodeTraceSettings(view: DataView, offset: number, value: TraceSettings): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.ioThresholdNs)), true);
  view.setUint32(offset + 8, value.ioMode, true);
  view.setUint32(offset + 12, value.ioEventsPerRequest, true);
}

export const ProfileEventKind = {
  stackSample: 64,
} as const;
export type ProfileEventKind = (typeof ProfileEventKind)[keyof typeof ProfileEventKind];

export const SampleKind = {
  onCpu: 1,
  offCpu: 2,
  waker: 3,
} as const;
export type SampleKind = (typeof SampleKind)[keyof typeof SampleKind];

export const SampleFlags = {
  noMappings: 1,
  unknownMapping: 2,
  kernelCut: 4,
  interpreterCut: 8,
  threadContext: 16,
} as const;
export type SampleFlags = (typeof SampleFlags)[keyof typeof SampleFlags];

export const StackEnd = {
  bottom: 0,
  none: 1,
  depth: 2,
  unreadable: 3,
  framePointer: 4,
  unsupported: 5,
} as const;
export type StackEnd = (typeof StackEnd)[keyof typeof StackEnd];

export const UnwindKind = {
  framePointer: 0,
  sp: 1,
  fp: 2,
  end: 3,
  plt: 4,
  signal: 5,
  fpLoad: 6,
  unsupported: 7,
} as const;
export type UnwindKind = (typeof UnwindKind)[keyof typeof UnwindKind];

/** Of each struct of perf_profiler.bpf.o: its size and the offsets of its fields. The loader compares them with the object's BTF. */
export const PROFILE_LAYOUT = {
  stack_sample_event: { sizeBytes: 136, offsets: { header: 0, coroutine_id: 24, unit_id: 32, turn_id: 40, value_ns: 48, end_address: 56, trace_id: 64, span_id: 80, cpu: 88, flags: 92, peer_tgid: 96, peer_pid: 100, kernel_frames: 104, user_frames: 106, interpreter_frames: 108, sample_kind: 110, unit_kind: 111, stack_end: 112, script_frames: 116, context_bytes: 118, comm: 120 } },
  unwind_row: { sizeBytes: 8, offsets: { address: 0, cfa_offset: 4, kind: 6, frame_pointer: 7 } },
  unwind_mapping: { sizeBytes: 40, offsets: { start: 0, end: 8, bias: 16, first_row: 24, row_count: 28, generation: 32 } },
  process_mappings: { sizeBytes: 16, offsets: { first: 0, count: 4, generation: 8 } },
  interpreter: { sizeBytes: 20, offsets: { key: 0, tstate_frame: 4, cframe_frame: 6, frame_code: 8, frame_previous: 10, frame_instruction: 12, frame_owner: 14, entry_owner: 16, entry_is_frame: 17 } },
  script_engine: { sizeBytes: 8, offsets: { context: 0, function: 2, shared: 4 } },
  java_heap: { sizeBytes: 24, offsets: { low: 0, high: 8, segments: 16 } },
  java_engine: { sizeBytes: 120, offsets: { heaps: 0, low: 72, high: 80, interpreter_low: 88, interpreter_high: 96, segment_shift: 104, block_header: 106, blob_frame_size: 108, blob_frame_complete: 110, blob_code: 112, is_frame_complete_short: 114, is_code_offset: 115 } },
  thread_context_place: { sizeBytes: 16, offsets: { offset: 0, module: 8, entry_size: 12 } },
  profile_conf: { sizeBytes: 24, offsets: { off_cpu_threshold_ns: 0, off_cpu_share: 8, has_kernel_stacks: 12, has_waker_stacks: 16 } },
} as const;

export interface StackSampleEvent {
  readonly header: EventHeader;
  readonly coroutineId: number;
  readonly unitId: number;
  readonly turnId: number;
  readonly valueNs: number;
  readonly endAddress: number;
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly cpu: number;
  readonly flags: number;
  readonly peerTgid: number;
  readonly peerPid: number;
  readonly kernelFrames: number;
  readonly userFrames: number;
  readonly interpreterFrames: number;
  readonly sampleKind: number;
  readonly unitKind: number;
  readonly stackEnd: number;
  readonly scriptFrames: number;
  readonly contextBytes: number;
  readonly comm: Uint8Array;
}

export interface UnwindRow {
  readonly address: number;
  readonly cfaOffset: number;
  readonly kind: number;
  readonly framePointer: number;
}

export interface UnwindMapping {
  readonly start: number;
  readonly end: number;
  readonly bias: number;
  readonly firstRow: number;
  readonly rowCount: number;
  readonly generation: number;
}

export interface ProcessMappings {
  readonly first: number;
  readonly count: number;
  readonly generation: number;
}

export interface Interpreter {
  readonly key: number;
  readonly tstateFrame: number;
  readonly cframeFrame: number;
  readonly frameCode: number;
  readonly framePrevious: number;
  readonly frameInstruction: number;
  readonly frameOwner: number;
  readonly entryOwner: number;
  readonly entryIsFrame: number;
}

export interface ScriptEngine {
  readonly context: number;
  readonly function: number;
  readonly shared: number;
}

export interface JavaHeap {
  readonly low: number;
  readonly high: number;
  readonly segments: number;
}

export interface JavaEngine {
  readonly heaps: readonly JavaHeap[];
  readonly low: number;
  readonly high: number;
  readonly interpreterLow: number;
  readonly interpreterHigh: number;
  readonly segmentShift: number;
  readonly blockHeader: number;
  readonly blobFrameSize: number;
  readonly blobFrameComplete: number;
  readonly blobCode: number;
  readonly isFrameCompleteShort: number;
  readonly isCodeOffset: number;
}

export interface ThreadContextPlace {
  readonly offset: number;
  readonly module: number;
  readonly entrySize: number;
}

export interface ProfileConf {
  readonly offCpuThresholdNs: number;
  readonly offCpuShare: number;
  readonly hasKernelStacks: number;
  readonly hasWakerStacks: number;
}

export function decodeStackSampleEvent(view: DataView, offset: number): StackSampleEvent {
  return {
    header: decodeEventHeader(view, offset),
    coroutineId: u64(view, offset + 24),
    unitId: u64(view, offset + 32),
    turnId: u64(view, offset + 40),
    valueNs: u64(view, offset + 48),
    endAddress: u64(view, offset + 56),
    traceId: new Uint8Array(view.buffer, view.byteOffset + offset + 64, 16),
    spanId: new Uint8Array(view.buffer, view.byteOffset + offset + 80, 8),
    cpu: view.getUint32(offset + 88, true),
    flags: view.getUint32(offset + 92, true),
    peerTgid: view.getUint32(offset + 96, true),
    peerPid: view.getUint32(offset + 100, true),
    kernelFrames: view.getUint16(offset + 104, true),
    userFrames: view.getUint16(offset + 106, true),
    interpreterFrames: view.getUint16(offset + 108, true),
    sampleKind: view.getUint8(offset + 110),
    unitKind: view.getUint8(offset + 111),
    stackEnd: view.getUint8(offset + 112),
    scriptFrames: view.getUint16(offset + 116, true),
    contextBytes: view.getUint16(offset + 118, true),
    comm: new Uint8Array(view.buffer, view.byteOffset + offset + 120, 16),
  };
}

/** Writes into zeroed memory. */
export function encodeUnwindRow(view: DataView, offset: number, value: UnwindRow): void {
  view.setUint32(offset, value.address, true);
  view.setUint16(offset + 4, value.cfaOffset, true);
  view.setUint8(offset + 6, value.kind);
  view.setUint8(offset + 7, value.framePointer);
}

/** Writes into zeroed memory. */
export function encodeUnwindMapping(view: DataView, offset: number, value: UnwindMapping): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.start)), true);
  view.setBigInt64(offset + 8, BigInt.asIntN(64, BigInt(value.end)), true);
  view.setBigInt64(offset + 16, BigInt.asIntN(64, BigInt(value.bias)), true);
  view.setUint32(offset + 24, value.firstRow, true);
  view.setUint32(offset + 28, value.rowCount, true);
  view.setUint32(offset + 32, value.generation, true);
}

/** Writes into zeroed memory. */
export function encodeProcessMappings(view: DataView, offset: number, value: ProcessMappings): void {
  view.setUint32(offset, value.first, true);
  view.setUint32(offset + 4, value.count, true);
  view.setUint32(offset + 8, value.generation, true);
}

/** Writes into zeroed memory. */
export function encodeInterpreter(view: DataView, offset: number, value: Interpreter): void {
  view.setUint32(offset, value.key, true);
  view.setUint16(offset + 4, value.tstateFrame, true);
  view.setUint16(offset + 6, value.cframeFrame, true);
  view.setUint16(offset + 8, value.frameCode, true);
  view.setUint16(offset + 10, value.framePrevious, true);
  view.setUint16(offset + 12, value.frameInstruction, true);
  view.setUint16(offset + 14, value.frameOwner, true);
  view.setUint8(offset + 16, value.entryOwner);
  view.setUint8(offset + 17, value.entryIsFrame);
}

/** Writes into zeroed memory. */
export function encodeScriptEngine(view: DataView, offset: number, value: ScriptEngine): void {
  view.setUint16(offset, value.context, true);
  view.setUint16(offset + 2, value.function, true);
  view.setUint16(offset + 4, value.shared, true);
}

/** Writes into zeroed memory. */
export function encodeJavaHeap(view: DataView, offset: number, value: JavaHeap): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.low)), true);
  view.setBigInt64(offset + 8, BigInt.asIntN(64, BigInt(value.high)), true);
  view.setBigInt64(offset + 16, BigInt.asIntN(64, BigInt(value.segments)), true);
}

/** Writes into zeroed memory. */
export function encodeJavaEngine(view: DataView, offset: number, value: JavaEngine): void {
  value.heaps.slice(0, 3).forEach((element, index) => { encodeJavaHeap(view, offset + index * 24, element); });
  view.setBigInt64(offset + 72, BigInt.asIntN(64, BigInt(value.low)), true);
  view.setBigInt64(offset + 80, BigInt.asIntN(64, BigInt(value.high)), true);
  view.setBigInt64(offset + 88, BigInt.asIntN(64, BigInt(value.interpreterLow)), true);
  view.setBigInt64(offset + 96, BigInt.asIntN(64, BigInt(value.interpreterHigh)), true);
  view.setUint16(offset + 104, value.segmentShift, true);
  view.setUint16(offset + 106, value.blockHeader, true);
  view.setUint16(offset + 108, value.blobFrameSize, true);
  view.setUint16(offset + 110, value.blobFrameComplete, true);
  view.setUint16(offset + 112, value.blobCode, true);
  view.setUint8(offset + 114, value.isFrameCompleteShort);
  view.setUint8(offset + 115, value.isCodeOffset);
}

/** Writes into zeroed memory. */
export function encodeThreadContextPlace(view: DataView, offset: number, value: ThreadContextPlace): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.offset)), true);
  view.setUint32(offset + 8, value.module, true);
  view.setUint32(offset + 12, value.entrySize, true);
}

/** Writes into zeroed memory. */
export function encodeProfileConf(view: DataView, offset: number, value: ProfileConf): void {
  view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value.offCpuThresholdNs)), true);
  view.setUint32(offset + 8, value.offCpuShare, true);
  view.setUint32(offset + 12, value.hasKernelStacks, true);
  view.setUint32(offset + 16, value.hasWakerStacks, true);
}
