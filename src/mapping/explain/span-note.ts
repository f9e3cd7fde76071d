/** What is kept of a span that has left, to explain it: references and numbers, in an object that is used again. */
import { toUnixNano } from "../clock.ts";
import type { EventMeta } from "../event-meta.ts";
import type { TraceNode } from "../join/trace-node.ts";
import type { Resource, Span, SpanKind, SpanLink } from "../span.ts";
import type { SpanDraft } from "../span-draft.ts";
import type { ExplainedCandidate, ExplainedEvent, Explanation } from "./explanation.ts";

const NO_CANDIDATES: readonly ExplainedCandidate[] = [];
const NO_LINKS: readonly SpanLink[] = [];

export class SpanNote {
  traceId = "";
  #spanId = "";
  #parentSpanId: string | undefined = undefined;
  #kind: SpanKind = 1;
  #name = "";
  #comm = "";
  #resource: Resource | undefined = undefined;
  #evidence: string | undefined = undefined;
  #clockOffsetNs = 0n;
  #endNs = 0.5;
  readonly #request = new CallNote();
  readonly #answer = new CallNote();
  #hasAnswer = false;
  #after: string | undefined = undefined;
  #isAfterAnswer = false;
  #isFirst = false;
  #candidates: readonly ExplainedCandidate[] = NO_CANDIDATES;
  #links: readonly SpanLink[] = NO_LINKS;

  take(draft: SpanDraft, span: Span, clockOffsetNs: bigint): void {
    const { node, answer } = draft;
    const after = node.stretch?.cause;
    this.traceId = span.traceId;
    this.#spanId = span.spanId;
    this.#parentSpanId = span.parentSpanId;
    this.#kind = span.kind;
    this.#name = span.name;
    this.#comm = draft.comm;
    this.#resource = span.resource;
    this.#evidence = node.evidence;
    this.#clockOffsetNs = clockOffsetNs;
    this.#endNs = draft.endNs;
    this.#request.take(node.start);
    this.#hasAnswer = answer !== undefined;
    if (answer !== undefined) this.#answer.take(answer);
    this.#after = after?.spanId;
    this.#isAfterAnswer = after?.isServer === false;
    this.#isFirst = node.isFirst;
    this.#candidates = candidatesOf(node);
    this.#links = span.links;
  }

  explanation(): Explanation {
    const clockOffsetNs = this.#clockOffsetNs;
    return {
      traceId: this.traceId,
      spanId: this.#spanId,
      parentSpanId: this.#parentSpanId,
      kind: this.#kind,
      name: this.#name,
      program: serviceOf(this.#resource) ?? this.#comm,
      evidence: this.#evidence,
      request: this.#request.event(clockOffsetNs),
      answer: this.#hasAnswer ? this.#answer.event(clockOffsetNs) : undefined,
      endUnixNano: String(toUnixNano(this.#endNs, clockOffsetNs)),
      after: this.#after === undefined ? undefined : { spanId: this.#after, isAnswer: this.#isAfterAnswer },
      isFirst: this.#isFirst,
      candidates: this.#candidates,
      links: this.#links.map(({ traceId, spanId, attributes }) => ({
        traceId,
        spanId,
        evidence: String(attributes.find(([key]) => key === "sockspan.link.evidence")?.[1] ?? ""),
      })),
    };
  }
}

/** One system call, in the kernel's time. */
class CallNote {
  #timestampNs = 0.5;
  #tgid = 0;
  #pid = 0;
  #coroutineId = 0;
  #unitKind = 0;
  #unitId = 0;
  #unitParent = 0;
  #turnId = 0;

  take(meta: EventMeta): void {
    this.#timestampNs = meta.timestampNs;
    this.#tgid = meta.tgid;
    this.#pid = meta.pid;
    this.#coroutineId = meta.coroutineId;
    this.#unitKind = meta.unitKind;
    this.#unitId = meta.unitId;
    this.#unitParent = meta.unitParent;
    this.#turnId = meta.turnId;
  }

  event(clockOffsetNs: bigint): ExplainedEvent {
    return {
      timeUnixNano: String(toUnixNano(this.#timestampNs, clockOffsetNs)),
      tgid: this.#tgid,
      pid: this.#pid,
      coroutineId: this.#coroutineId,
      unitKind: this.#unitKind,
      unitId: this.#unitId,
      unitParent: this.#unitParent,
      turnId: this.#turnId,
    };
  }
}

function serviceOf(resource: Resource | undefined): string | undefined {
  const service = resource?.attributes.find(([key]) => key === "service.name");
  return service === undefined ? undefined : String(service[1]);
}

function candidatesOf({ candidates }: TraceNode): readonly ExplainedCandidate[] {
  return candidates?.map(({ node, evidence }) => ({ spanId: node.spanId, evidence })) ?? NO_CANDIDATES;
}
