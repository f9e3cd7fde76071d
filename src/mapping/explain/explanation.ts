/**
 * Why a span has the parent that it has: the system calls that it was seen by, the candidates, the choice. Plain data.
 */

/** One system call. */
export interface ExplainedEvent {
  /** Wall time, ns since 1970. */
  readonly timeUnixNano: string;
  readonly tgid: number;
  readonly pid: number;
  readonly coroutineId: number;
  /** UnitKind; 0: the thread. */
  readonly unitKind: number;
  readonly unitId: number;
  readonly unitParent: number;
  readonly turnId: number;
}

export interface ExplainedCandidate {
  readonly spanId: string;
  readonly evidence: string;
}

export interface Explanation {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** SpanKind. */
  readonly kind: number;
  readonly name: string;
  readonly program: string;
  readonly evidence: string | undefined;
  /** Sent by a client, read by a server. */
  readonly request: ExplainedEvent;
  /** Read by a client, sent by a server; undefined: none came. */
  readonly answer: ExplainedEvent | undefined;
  readonly endUnixNano: string;
  /** Clients: what the thread had read last, when it sent the call or opened the connection for it. */
  readonly after: { readonly spanId: string; readonly isAnswer: boolean } | undefined;
  /** Clients: it had to wait for its connection. */
  readonly isFirst: boolean;
  /** Whatever spoke for other parents. */
  readonly candidates: readonly ExplainedCandidate[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly evidence: string }[];
}
