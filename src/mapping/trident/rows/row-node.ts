/** A row while it waits for its relations, and the questions that joining asks about two rows. */
import { IdHash, isSpanId, isTraceId } from "./id-hash.ts";
import { type L7Row, RowKind, TapSide } from "./l7-row.ts";

export interface RowNode {
  readonly row: L7Row;
  /** Organisation and agent in one number: ids of system calls mean something within one agent only. */
  readonly agentKey: number;
  readonly isServer: boolean;
  /** 0: seen in the process; 1: on an interface. */
  readonly rank: 0 | 1;
  readonly arrivalNs: number;
  readonly spanId: string;
  /** Times as doubles (a quarter of a microsecond is lost), since comparing is what most of the work is. */
  readonly startNs: number;
  endNs: number;
  readonly exchangeKey: number;
  /** What the headers of the row say. */
  readonly header: HeaderContext | undefined;
  /** null: none; undefined: not decided yet. */
  parent: RowNode | null | undefined;
  evidence: string;
  traceId: string | undefined;
  hasLeft: boolean;
}

interface HeaderContext {
  readonly traceId: string;
  readonly spanId: string | undefined;
}

export function makeRowNode(row: L7Row, agentKey: number, nowNs: number): RowNode {
  return {
    row,
    agentKey,
    isServer: isServerSide(row),
    rank: rankOf(row),
    arrivalNs: nowNs,
    spanId: spanIdOf(row, agentKey),
    startNs: Number(row.startTimeNs),
    endNs: Number(row.endTimeNs),
    exchangeKey: exchangeBucket(row),
    header: headerContext(row),
    parent: undefined,
    evidence: "",
    traceId: undefined,
    hasLeft: false,
  };
}

/** Clocks of hosts differ, and both ends of an exchange start within its way on the wire. */
const EXCHANGE_TOLERANCE_NS = 1_000_000_000;
/** An answer may be written after the last call under it has its time taken. */
const NESTING_TOLERANCE_NS = 1_000_000;

function rankOf(row: L7Row): 0 | 1 {
  return row.tapSide >= TapSide.clientProcess ? 0 : 1;
}

function isServerSide(row: L7Row): boolean {
  return (row.tapSide & 2) !== 0;
}

/** Rows of one exchange fall into one bucket; sameExchange decides. */
function exchangeBucket(row: L7Row): number {
  return row.requestTcpSeq !== 0 ? row.requestTcpSeq : -1 - ((row.port0 * 65536 + row.port1) ^ row.requestId);
}

/** Two rows of the same request and response, seen at two places. */
export function sameExchange(one: RowNode, other: RowNode): boolean {
  const a = one.row;
  const b = other.row;
  if (a.requestTcpSeq !== b.requestTcpSeq) return false;
  if (Math.abs(one.startNs - other.startNs) > EXCHANGE_TOLERANCE_NS) return false;
  if (a.requestTcpSeq === 0) {
    // Datagrams have no sequence: the whole tuple must agree, so NAT ends the join here.
    return (
      a.port0 === b.port0 && a.port1 === b.port1 && a.requestId === b.requestId && a.ip0 === b.ip0 && a.ip1 === b.ip1
    );
  }
  const isResponseEqual = a.responseTcpSeq === b.responseTcpSeq || a.responseTcpSeq === 0 || b.responseTcpSeq === 0;
  const isRequestIdEqual = a.xRequestId0 === b.xRequestId0 || a.xRequestId0 === "" || b.xRequestId0 === "";
  return isResponseEqual && isRequestIdEqual && isSameResource(a.requestResource, b.requestResource);
}

/** Agents cut long ones at different lengths. */
function isSameResource(a: string, b: string): boolean {
  return a.length <= 1024 && b.length <= 1024 ? a === b : a.slice(0, 1024) === b.slice(0, 1024);
}

/** The client's call lies within what the server's process was answering. */
export function encloses(server: RowNode, client: RowNode): boolean {
  if (client.startNs + NESTING_TOLERANCE_NS < server.startNs) return false;
  return server.row.kind === RowKind.request || client.endNs <= server.endNs + NESTING_TOLERANCE_NS;
}

export function sharesSyscallId(a: L7Row, b: L7Row): boolean {
  return (
    (a.syscallTraceIdRequest !== 0n &&
      (a.syscallTraceIdRequest === b.syscallTraceIdRequest || a.syscallTraceIdRequest === b.syscallTraceIdResponse)) ||
    (a.syscallTraceIdResponse !== 0n &&
      (a.syscallTraceIdResponse === b.syscallTraceIdRequest || a.syscallTraceIdResponse === b.syscallTraceIdResponse))
  );
}

function headerContext(row: L7Row): HeaderContext | undefined {
  const traceId = row.traceIds[0] ?? row.traceId;
  if (!isTraceId(traceId)) return undefined;
  return { traceId, spanId: isSpanId(row.spanId) ? row.spanId : undefined };
}

function spanIdOf(row: L7Row, agentKey: number): string {
  return new IdHash()
    .add(agentKey)
    .addBig(row.flowId)
    .addBig(row.startTimeNs)
    .add(row.requestTcpSeq)
    .add(row.requestId)
    .add(row.captureSeq0)
    .add(row.tapSide)
    .spanId();
}
