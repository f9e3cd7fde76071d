/** Two halves of a session that the agent sent as two rows: the response is put into the request's row. */
import { type L7Row, RowKind, RowStatus } from "./l7-row.ts";

/** Rows of one agent: are they the two halves of one session? */
export function isAnswer(request: L7Row, response: L7Row): boolean {
  if (request.kind !== RowKind.request) return false;
  if (request.flowId !== response.flowId || request.requestId !== response.requestId) return false;
  if (request.tapSide !== response.tapSide || response.startTimeNs < request.startTimeNs) return false;
  const hasOrder = request.captureSeq0 !== 0 && response.captureSeq1 !== 0 && response.requestId === 0;
  return !hasOrder || response.captureSeq1 === request.captureSeq0 + 1;
}

export function mergeHalves(request: L7Row, response: L7Row): void {
  request.kind = RowKind.session;
  request.endTimeNs = response.endTimeNs > request.endTimeNs ? response.endTimeNs : request.endTimeNs;
  request.responseDurationNs = request.endTimeNs - request.startTimeNs;
  request.status = response.status;
  request.code = response.code;
  request.exception ||= response.exception;
  request.result ||= response.result;
  request.responseBytes = response.responseBytes;
  request.responseTcpSeq ||= response.responseTcpSeq;
  request.captureSeq1 ||= response.captureSeq1;
  request.syscallTraceIdResponse ||= response.syscallTraceIdResponse;
  request.processId0 ||= response.processId0;
  request.processId1 ||= response.processId1;
  request.processName0 ||= response.processName0;
  request.processName1 ||= response.processName1;
  request.xRequestId1 ||= response.xRequestId1;
  if (request.status === RowStatus.unknown && response.code === 0) request.status = RowStatus.ok;
}
