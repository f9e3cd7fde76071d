/**
 * One row of a PROTOCOLLOG frame: a session or one half of it (proto/flow_log/flow_log.proto, flattened).
 * Side 0 is the client, 1 the server.
 */

/** AppProtoHead.msg_type. */
export const RowKind = { request: 0, response: 1, session: 2, other: 3 } as const;

/** L7Response.status. */
export const RowStatus = { ok: 0, timeout: 2, serverError: 3, clientError: 4, unknown: 5, parseFailed: 6 } as const;

/** AppProtoLogsBaseInfo.tap_side: where the row was seen. Only these four say which end of the exchange it was. */
export const TapSide = {
  rest: 0,
  client: 1,
  server: 2,
  clientProcess: 41,
  serverProcess: 42,
  clientApp: 49,
  serverApp: 50,
} as const;

/** L7Response.code when there is none. */
export const NO_CODE = -32768;
/** req_len and resp_len when they are unknown. */
export const NO_LENGTH = -1;

/** AppProtoLogsData.flags. */
export const RowFlag = { tls: 1, async: 2, reversed: 4 } as const;

/** tap_port of a row from eBPF: source in the top four bits, then the kind of hook and the process. */
export const TAP_PORT_FROM_EBPF = 7n << 60n;
export const TAP_TYPE_CLOUD = 3;

export interface L7Row {
  startTimeNs: bigint;
  endTimeNs: bigint;
  flowId: bigint;
  tapPort: bigint;
  agentId: number;
  tapType: number;
  isIpv6: boolean;
  tapSide: number;
  /** L7 protocol number (l7-protocol.ts). */
  protocol: number;
  kind: number;
  responseDurationNs: bigint;
  ip0: number;
  ip1: number;
  ip60: Uint8Array;
  ip61: Uint8Array;
  epcId0: number;
  epcId1: number;
  port0: number;
  port1: number;
  /** IP protocol: 6 TCP, 17 UDP. */
  transport: number;
  requestTcpSeq: number;
  responseTcpSeq: number;
  processId0: number;
  processId1: number;
  processName0: string;
  processName1: string;
  syscallTraceIdRequest: bigint;
  syscallTraceIdResponse: bigint;
  threadId0: number;
  threadId1: number;
  captureSeq0: number;
  captureSeq1: number;
  /** What a controller calls the process in its whole fleet (GPIDSync); 0: not known. */
  gpid0: number;
  gpid1: number;
  coroutineId0: bigint;
  coroutineId1: bigint;
  podId0: number;
  podId1: number;
  requestBytes: number;
  responseBytes: number;
  requestType: string;
  requestDomain: string;
  requestResource: string;
  endpoint: string;
  status: number;
  code: number;
  exception: string;
  result: string;
  version: string;
  traceId: string;
  traceIds: string[];
  spanId: string;
  parentSpanId: string;
  serviceName: string;
  clientIp: string;
  requestId: number;
  xRequestId0: string;
  xRequestId1: string;
  userAgent: string;
  referer: string;
  rpcService: string;
  protocolName: string;
  attributeNames: string[];
  attributeValues: string[];
  rowEffect: number;
  directionScore: number;
  flags: number;
  capturedRequestBytes: number;
  capturedResponseBytes: number;
}

const NO_BYTES = new Uint8Array(0);
/** Shared by all rows that have none: who adds must take a list of his own. */
export const NO_TEXTS: string[] = [];

/** Every field in the same order, so that all rows share one shape. */
export function emptyRow(): L7Row {
  return {
    startTimeNs: 0n,
    endTimeNs: 0n,
    flowId: 0n,
    tapPort: 0n,
    agentId: 0,
    tapType: 0,
    isIpv6: false,
    tapSide: 0,
    protocol: 0,
    kind: RowKind.request,
    responseDurationNs: 0n,
    ip0: 0,
    ip1: 0,
    ip60: NO_BYTES,
    ip61: NO_BYTES,
    epcId0: 0,
    epcId1: 0,
    port0: 0,
    port1: 0,
    transport: 0,
    requestTcpSeq: 0,
    responseTcpSeq: 0,
    processId0: 0,
    processId1: 0,
    processName0: "",
    processName1: "",
    syscallTraceIdRequest: 0n,
    syscallTraceIdResponse: 0n,
    threadId0: 0,
    threadId1: 0,
    captureSeq0: 0,
    captureSeq1: 0,
    gpid0: 0,
    gpid1: 0,
    coroutineId0: 0n,
    coroutineId1: 0n,
    podId0: 0,
    podId1: 0,
    requestBytes: 0,
    responseBytes: 0,
    requestType: "",
    requestDomain: "",
    requestResource: "",
    endpoint: "",
    status: RowStatus.ok,
    code: 0,
    exception: "",
    result: "",
    version: "",
    traceId: "",
    traceIds: NO_TEXTS,
    spanId: "",
    parentSpanId: "",
    serviceName: "",
    clientIp: "",
    requestId: 0,
    xRequestId0: "",
    xRequestId1: "",
    userAgent: "",
    referer: "",
    rpcService: "",
    protocolName: "",
    attributeNames: NO_TEXTS,
    attributeValues: NO_TEXTS,
    rowEffect: 0,
    directionScore: 0,
    flags: 0,
    capturedRequestBytes: 0,
    capturedResponseBytes: 0,
  };
}
