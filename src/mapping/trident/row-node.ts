/** A row while it waits for its relations, and the questions that joining asks about two rows. */
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
  /** null: none; undefined: not decided yet. */
  parent: RowNode | null | undefined;
  evidence: string;
  traceId: string | undefined;
  hasLeft: boolean;
}

/** Clocks of hosts differ, and both ends of an exchange start within its way on the wire. */
const EXCHANGE_TOLERANCE_NS = 1_000_000_000n;
/** An answer may be written after the last call under it has its time taken. */
const NESTING_TOLERANCE_NS = 1_000_000n;

export function rankOf(row: L7Row): 0 | 1 {
  return row.tapSide >= TapSide.clientProcess ? 0 : 1;
}

export function isServerSide(row: L7Row): boolean {
  return (row.tapSide & 2) !== 0;
}

/** Rows of one exchange fall into one bucket; sameExchange decides. */
export function exchangeBucket(row: L7Row): number {
  return row.requestTcpSeq !== 0 ? row.requestTcpSeq : -1 - ((row.port0 * 65536 + row.port1) ^ row.requestId);
}

/** Two rows of the same request and response, seen at two places. */
export function sameExchange(a: L7Row, b: L7Row): boolean {
  if (a.requestTcpSeq !== b.requestTcpSeq) return false;
  const delta = a.startTimeNs - b.startTimeNs;
  if (delta > EXCHANGE_TOLERANCE_NS || delta < -EXCHANGE_TOLERANCE_NS) return false;
  if (a.requestTcpSeq === 0) {
    // Datagrams have no sequence: the whole tuple must agree, so NAT ends the join here.
    return (
      a.port0 === b.port0 && a.port1 === b.port1 && a.requestId === b.requestId && a.ip0 === b.ip0 && a.ip1 === b.ip1
    );
  }
  const isResponseEqual = a.responseTcpSeq === b.responseTcpSeq || a.responseTcpSeq === 0 || b.responseTcpSeq === 0;
  const isRequestIdEqual = a.xRequestId0 === b.xRequestId0 || a.xRequestId0 === "" || b.xRequestId0 === "";
  return isResponseEqual && isRequestIdEqual && a.requestResource.slice(0, 1024) === b.requestResource.slice(0, 1024);
}

/** The client's call lies within what the server's process was answering. */
export function encloses(server: L7Row, client: L7Row): boolean {
  if (client.startTimeNs + NESTING_TOLERANCE_NS < server.startTimeNs) return false;
  return server.kind === RowKind.request || client.endTimeNs <= server.endTimeNs + NESTING_TOLERANCE_NS;
}

export function sharesSyscallId(a: L7Row, b: L7Row): boolean {
  return (
    (a.syscallTraceIdRequest !== 0n &&
      (a.syscallTraceIdRequest === b.syscallTraceIdRequest || a.syscallTraceIdRequest === b.syscallTraceIdResponse)) ||
    (a.syscallTraceIdResponse !== 0n &&
      (a.syscallTraceIdResponse === b.syscallTraceIdRequest || a.syscallTraceIdResponse === b.syscallTraceIdResponse))
  );
}
