/** The values of bpf/control.h that the broker writes: configuration, process filters, steps to the unit of work. */
import {
  encodeProcessControl,
  encodeTraceConf,
  encodeTraceSettings,
  type GoLayout,
  IoMode,
  type JavaLayout,
  LAYOUT,
  type ProcessControl,
  type ProcessFilter,
  type PythonLayout,
  type TraceConf,
  UnitKind,
} from "../../bpf/layout.gen.ts";
import type { SocketTraceConfig } from "../../ipc/socket-trace-config.ts";

/** The fields that only socket capture has are left out by the profiler. */
export function traceConfBytes(conf: Partial<TraceConf>): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.trace_conf.sizeBytes);
  encodeTraceConf(new DataView(bytes.buffer), 0, { ...NOTHING, ...conf });
  return bytes;
}

const NOTHING: TraceConf = {
  pidNamespaceDevice: 0,
  pidNamespaceInode: 0,
  cgroupId: 0,
  bytesPerSecond: 0,
  burstBytes: 0,
  scope: 0,
  cgroupLevel: 0,
  defaultLimit: 0,
  udpSendByLength: 0,
  recvmsgArguments: 0,
  pageMoves: 0,
  socketStorage: 0,
  traceRequests: 0,
  unixSalt: 0,
  unixSockets: 0,
};

export function traceSettingsBytes(config: SocketTraceConfig["io_events"]): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.trace_settings.sizeBytes);
  encodeTraceSettings(new DataView(bytes.buffer), 0, {
    ioThresholdNs: Math.round(config.threshold * 1e6),
    ioMode: IoMode[config.mode],
    ioEventsPerRequest: config.max_per_request,
  });
  return bytes;
}

/** What user space knows of a Go program; the rest of struct go_layout is the programs' own. */
export type GoPlan = Omit<GoLayout, "contextKey" | "processors" | "marksSinceNs" | "hasStreams">;

export const NO_GO: GoPlan = {
  serveStartPc: 0,
  writeLoopStartPc: 0,
  readLoopStartPc: 0,
  allGoroutines: 0,
  allProcessors: 0,
  goidCounter: 0,
  libraryStart: 0,
  libraryLength: 0,
  http2Start: 0,
  http2Length: 0,
  xHttp2Start: 0,
  xHttp2Length: 0,
  http2CallStartPc: 0,
  xHttp2CallStartPc: 0,
  grpcStartPc: 0,
  waitGroupAdd: 0,
  waitGroupAddLength: 0,
  goid: 0,
  parentGoid: 0,
  startPc: 0,
  processor: 0,
  goidCache: 0,
  receiveQueue: 0,
  sudogChannel: 0,
  writeRequest: 0,
  connection: 0,
  requestContext: 0,
  currentRequest: 0,
};

const NO_PYTHON: PythonLayout = {
  workItemType: 0,
  functionType: 0,
  taskContext: 0,
  coroutineName: 0,
  functionHops: [],
  siteHops: [],
  putsOff: 0,
  clients: [],
};

/** The same of a JVM. */
type JavaPlan = Omit<JavaLayout, "learnNs" | "fruitless">;

const NO_JAVA: JavaPlan = {
  heap: 0,
  heapLength: 0,
  oopBase: 0,
  klassBase: 0,
  collections: 0,
  collects: 0,
  tlsBlock: 0,
  currentThread: 0,
  futureTasks: [],
  asyncSupply: 0,
  asyncRun: 0,
  completableFuture: 0,
  exchangeClasses: [],
  exchangeFields: [],
  klass: 0,
  runner: 0,
  asyncFuture: 0,
  asyncFunction: 0,
  result: 0,
  futureSize: 0,
  threadObject: 0,
  mountedObject: 0,
  bufferStart: 0,
  bufferTop: 0,
  bufferEnd: 0,
  lastSp: 0,
  stackBase: 0,
  className: 0,
  symbolBody: 0,
  baseClass: 0,
  oopShift: 0,
  klassShift: 0,
  continuationEntry: 0,
  continuation: 0,
  mounts: 0,
};

/** How the programs read a process's unit of work, and what else they watch of it. */
export type ProcessPlan = Pick<
  ProcessControl,
  "unitKind" | "steps" | "pools" | "flags" | "lockAddress" | "lockLength"
> & {
  readonly go?: GoPlan | undefined;
  readonly python?: PythonLayout | undefined;
  readonly java?: JavaPlan | undefined;
};

export const NO_PLAN: ProcessPlan = {
  unitKind: UnitKind.none,
  steps: [],
  pools: [],
  flags: 0,
  lockAddress: 0,
  lockLength: 0,
};

/** The bucket is the programs' own and starts empty. */
export function processControlBytes(filter: ProcessFilter, plan: ProcessPlan = NO_PLAN): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.process_control.sizeBytes);
  encodeProcessControl(new DataView(bytes.buffer), 0, {
    ...plan,
    bucketNs: 0,
    bucketBytes: 0,
    filter,
    stepCount: plan.steps.length,
    go: { ...(plan.go ?? NO_GO), contextKey: 0, processors: [], marksSinceNs: 0, hasStreams: 0 },
    python: plan.python ?? NO_PYTHON,
    java: { ...(plan.java ?? NO_JAVA), learnNs: 0, fruitless: 0 },
    handoversLost: 0,
  });
  return bytes;
}
