/**
 * Why a span has the parent that it has: the system calls that it was seen by, the candidates, the choice. Plain data,
 * made when the span leaves, since then its parent is settled for good.
 */
import type { EventMeta } from "../event-meta.ts";
import type { TraceNode } from "../join/trace-node.ts";
import type { Span } from "../span.ts";
import type { SpanDraft } from "../span-draft.ts";

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

export function explain(draft: SpanDraft, span: Span, clockOffsetNs: bigint): Explanation {
  const { node } = draft;
  const after = node.stretch?.cause;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    kind: span.kind,
    name: span.name,
    program: serviceOf(span) ?? draft.comm,
    evidence: node.evidence,
    request: explainEvent(node.start, clockOffsetNs),
    answer: draft.answer === undefined ? undefined : explainEvent(draft.answer, clockOffsetNs),
    endUnixNano: String(span.endTimeUnixNano),
    after: after === undefined ? undefined : { spanId: after.spanId, isAnswer: !after.isServer },
    isFirst: node.isFirst,
    candidates: candidatesOf(node),
    links: span.links.map(({ traceId, spanId, attributes }) => ({
      traceId,
      spanId,
      evidence: String(attributes.find(([key]) => key === "sockspan.link.evidence")?.[1] ?? ""),
    })),
  };
}

function serviceOf(span: Span): string | undefined {
  const service = span.resource.attributes.find(([key]) => key === "service.name");
  return service === undefined ? undefined : String(service[1]);
}

function candidatesOf({ candidates }: TraceNode): readonly ExplainedCandidate[] {
  return candidates?.map(({ node, evidence }) => ({ spanId: node.spanId, evidence })) ?? [];
}

function explainEvent(meta: EventMeta, clockOffsetNs: bigint): ExplainedEvent {
  const { tgid, pid, coroutineId, unitKind, unitId, unitParent, turnId } = meta;
  const timeUnixNano = String(BigInt(Math.round(meta.timestampNs)) + clockOffsetNs);
  return { timeUnixNano, tgid, pid, coroutineId, unitKind, unitId, unitParent, turnId };
}
