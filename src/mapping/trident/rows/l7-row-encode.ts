/** Rows into bytes; the inverse of l7-row-decode.ts, in the order of the field numbers as the real senders write. */

import { WireWriter } from "../wire/wire-writer.ts";
import type { L7Row } from "./l7-row.ts";

const writer = new WireWriter();

export function encodeL7Row(row: L7Row): Uint8Array {
  writer.message(1, () => writeBase(row));
  writer.int(9, row.requestBytes);
  writer.int(10, row.responseBytes);
  writer.message(11, () => {
    writer.string(1, row.requestType);
    writer.string(2, row.requestDomain);
    writer.string(3, row.requestResource);
    writer.string(4, row.endpoint);
  });
  writer.message(12, () => {
    writer.uint(1, row.status);
    writer.int(2, row.code);
    writer.string(3, row.exception);
    writer.string(4, row.result);
  });
  writer.string(13, row.version);
  writer.message(14, () => {
    writer.string(1, row.traceId);
    writer.string(2, row.spanId);
    writer.string(3, row.parentSpanId);
    for (const traceId of row.traceIds) writer.repeatedString(4, traceId);
  });
  writer.message(15, () => writeExtendedInfo(row));
  writer.uint(16, row.rowEffect);
  writer.uint(17, row.directionScore);
  writer.uint(18, row.flags);
  writer.uint(19, row.capturedRequestBytes);
  writer.uint(20, row.capturedResponseBytes);
  return writer.take();
}

function writeBase(row: L7Row): void {
  writer.uint64(1, row.startTimeNs);
  writer.uint64(2, row.endTimeNs);
  writer.uint64(3, row.flowId);
  writer.uint64(4, row.tapPort);
  writer.uint(5, row.agentId);
  writer.uint(6, row.tapType);
  writer.uint(7, row.isIpv6 ? 1 : 0);
  writer.uint(8, row.tapSide);
  writer.message(9, () => {
    writer.uint(1, row.protocol);
    writer.uint(2, row.kind);
    writer.uint64(5, row.responseDurationNs);
  });
  writer.uint(12, row.ip0);
  writer.uint(13, row.ip1);
  writer.bytes(14, row.ip60);
  writer.bytes(15, row.ip61);
  writer.int(16, row.epcId0);
  writer.int(17, row.epcId1);
  writer.uint(18, row.port0);
  writer.uint(19, row.port1);
  writer.uint(20, row.transport);
  writer.uint(23, row.requestTcpSeq);
  writer.uint(24, row.responseTcpSeq);
  writer.uint(25, row.processId0);
  writer.uint(26, row.processId1);
  writer.string(27, row.processName0);
  writer.string(28, row.processName1);
  writer.uint64(29, row.syscallTraceIdRequest);
  writer.uint64(30, row.syscallTraceIdResponse);
  writer.uint(31, row.threadId0);
  writer.uint(32, row.threadId1);
  writer.uint(33, row.captureSeq0);
  writer.uint(34, row.captureSeq1);
  writer.uint(35, row.gpid0);
  writer.uint(36, row.gpid1);
  writer.uint64(39, row.coroutineId0);
  writer.uint64(40, row.coroutineId1);
  writer.uint(41, row.podId0);
  writer.uint(42, row.podId1);
}

function writeExtendedInfo(row: L7Row): void {
  writer.string(1, row.serviceName);
  writer.string(2, row.clientIp);
  writer.uint(3, row.requestId);
  writer.string(4, row.xRequestId0);
  writer.string(6, row.userAgent);
  writer.string(7, row.referer);
  writer.string(8, row.rpcService);
  writer.string(9, row.protocolName);
  writer.string(10, row.xRequestId1);
  for (const name of row.attributeNames) writer.repeatedString(16, name);
  for (const value of row.attributeValues) writer.repeatedString(17, value);
}
