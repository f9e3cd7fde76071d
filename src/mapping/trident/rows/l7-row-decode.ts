/** Rows out of bytes; the numbers in the comments are those of proto/flow_log/flow_log.proto. */

import { WireReader } from "../wire/wire-reader.ts";
import { emptyRow, type L7Row, NO_TEXTS } from "./l7-row.ts";

const reader = new WireReader();

/** undefined when the bytes are no row. Byte fields are views on the input. */
export function decodeL7Row(bytes: Uint8Array): L7Row | undefined {
  reader.reset(bytes);
  const row = emptyRow();
  let hasBase = false;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 0x0a: // base 1
        hasBase = readBase(row);
        break;
      case 0x48: // req_len 9
        row.requestBytes = reader.int32();
        break;
      case 0x50: // resp_len 10
        row.responseBytes = reader.int32();
        break;
      case 0x5a: // req 11
        readRequest(row);
        break;
      case 0x62: // resp 12
        readResponse(row);
        break;
      case 0x6a: // version 13
        row.version = reader.string();
        break;
      case 0x72: // trace_info 14
        readTraceInfo(row);
        break;
      case 0x7a: // ext_info 15
        readExtendedInfo(row);
        break;
      case 0x80: // row_effect 16
        row.rowEffect = reader.uint32();
        break;
      case 0x88: // direction_score 17
        row.directionScore = reader.uint32();
        break;
      case 0x90: // flags 18
        row.flags = reader.uint32();
        break;
      case 0x98: // captured_request_byte 19
        row.capturedRequestBytes = reader.uint32();
        break;
      case 0xa0: // captured_response_byte 20
        row.capturedResponseBytes = reader.uint32();
        break;
      default:
        reader.skip(tag);
    }
  }
  return reader.isBroken || !hasBase ? undefined : row;
}

function append(texts: string[]): string[] {
  if (texts === NO_TEXTS) return [reader.string()];
  texts.push(reader.string());
  return texts;
}

/** True when it holds a head, without which a row is none. */
function readBase(row: L7Row): boolean {
  const end = reader.enter();
  let hasHead = false;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x4a) {
      hasHead = true;
      readHead(row);
    } else if (tag < 0xa0) readBaseFirst(row, tag);
    else readBaseRest(row, tag);
  }
  reader.leave(end);
  return hasHead;
}

function readHead(row: L7Row): void {
  const end = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) row.protocol = reader.uint32();
    else if (tag === 0x10) row.kind = reader.uint32();
    else if (tag === 0x28) row.responseDurationNs = reader.uint64();
    else reader.skip(tag);
  }
  reader.leave(end);
}

/** Fields 1 to 19. */
function readBaseFirst(row: L7Row, tag: number): void {
  switch (tag) {
    case 0x08:
      row.startTimeNs = reader.uint64();
      break;
    case 0x10:
      row.endTimeNs = reader.uint64();
      break;
    case 0x18:
      row.flowId = reader.uint64();
      break;
    case 0x20:
      row.tapPort = reader.uint64();
      break;
    case 0x28:
      row.agentId = reader.uint32();
      break;
    case 0x30:
      row.tapType = reader.uint32();
      break;
    case 0x38:
      row.isIpv6 = reader.uint32() === 1;
      break;
    case 0x40:
      row.tapSide = reader.uint32();
      break;
    case 0x60:
      row.ip0 = reader.uint32();
      break;
    case 0x68:
      row.ip1 = reader.uint32();
      break;
    case 0x72:
      row.ip60 = reader.view();
      break;
    case 0x7a:
      row.ip61 = reader.view();
      break;
    case 0x80:
      row.epcId0 = reader.int32();
      break;
    case 0x88:
      row.epcId1 = reader.int32();
      break;
    case 0x90:
      row.port0 = reader.uint32();
      break;
    case 0x98:
      row.port1 = reader.uint32();
      break;
    default:
      reader.skip(tag);
  }
}

/** Fields from 20 on. */
function readBaseRest(row: L7Row, tag: number): void {
  switch (tag) {
    case 0xa0: // protocol 20
      row.transport = reader.uint32();
      break;
    case 0xb8: // req_tcp_seq 23
      row.requestTcpSeq = reader.uint32();
      break;
    case 0xc0:
      row.responseTcpSeq = reader.uint32();
      break;
    case 0xc8: // process_id_0 25
      row.processId0 = reader.uint32();
      break;
    case 0xd0:
      row.processId1 = reader.uint32();
      break;
    case 0xda: // process_kname_0 27
      row.processName0 = reader.string();
      break;
    case 0xe2:
      row.processName1 = reader.string();
      break;
    case 0xe8: // syscall_trace_id_request 29
      row.syscallTraceIdRequest = reader.uint64();
      break;
    case 0xf0:
      row.syscallTraceIdResponse = reader.uint64();
      break;
    case 0xf8: // syscall_trace_id_thread_0 31
      row.threadId0 = reader.uint32();
      break;
    case 0x100:
      row.threadId1 = reader.uint32();
      break;
    case 0x108: // syscall_cap_seq_0 33
      row.captureSeq0 = reader.uint32();
      break;
    case 0x110:
      row.captureSeq1 = reader.uint32();
      break;
    case 0x118: // gpid_0 35
      row.gpid0 = reader.uint32();
      break;
    case 0x120:
      row.gpid1 = reader.uint32();
      break;
    case 0x138: // syscall_coroutine_0 39
      row.coroutineId0 = reader.uint64();
      break;
    case 0x140:
      row.coroutineId1 = reader.uint64();
      break;
    case 0x148: // pod_id_0 41
      row.podId0 = reader.uint32();
      break;
    case 0x150:
      row.podId1 = reader.uint32();
      break;
    default:
      reader.skip(tag);
  }
}

function readRequest(row: L7Row): void {
  const end = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) row.requestType = reader.string();
    else if (tag === 0x12) row.requestDomain = reader.string();
    else if (tag === 0x1a) row.requestResource = reader.string();
    else if (tag === 0x22) row.endpoint = reader.string();
    else reader.skip(tag);
  }
  reader.leave(end);
}

function readResponse(row: L7Row): void {
  const end = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) row.status = reader.uint32();
    else if (tag === 0x10) row.code = reader.int32();
    else if (tag === 0x1a) row.exception = reader.string();
    else if (tag === 0x22) row.result = reader.string();
    else reader.skip(tag);
  }
  reader.leave(end);
}

function readTraceInfo(row: L7Row): void {
  const end = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) row.traceId = reader.string();
    else if (tag === 0x12) row.spanId = reader.string();
    else if (tag === 0x1a) row.parentSpanId = reader.string();
    else if (tag === 0x22) row.traceIds = append(row.traceIds);
    else reader.skip(tag);
  }
  reader.leave(end);
}

function readExtendedInfo(row: L7Row): void {
  const end = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 0x0a:
        row.serviceName = reader.string();
        break;
      case 0x12:
        row.clientIp = reader.string();
        break;
      case 0x18:
        row.requestId = reader.uint32();
        break;
      case 0x22:
        row.xRequestId0 = reader.string();
        break;
      case 0x32: // http_user_agent 6
        row.userAgent = reader.string();
        break;
      case 0x3a:
        row.referer = reader.string();
        break;
      case 0x42:
        row.rpcService = reader.string();
        break;
      case 0x4a:
        row.protocolName = reader.string();
        break;
      case 0x52: // x_request_id_1 10
        row.xRequestId1 = reader.string();
        break;
      case 0x82: // attribute_names 16
        row.attributeNames = append(row.attributeNames);
        break;
      case 0x8a:
        row.attributeValues = append(row.attributeValues);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(end);
}
