/** The part of a span that the comparison needs, by the id that its URL carries. */

/** The part of an OTLP JSON span that is read. */
export interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly attributes?: readonly JsonAttribute[];
  readonly links?: readonly { readonly spanId: string; readonly attributes?: readonly JsonAttribute[] }[];
}

interface JsonAttribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string | number };
}

export interface TruthSpan {
  /** `<prefix><request>` or `<prefix><request>.<call>`: who called is in the name of what is called. */
  readonly id: string;
  readonly side: "server" | "client";
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly evidence: string;
  readonly threadId: string;
  readonly coroutineId: string;
  /** Candidates that were named without proof: their span ids, with the evidence that named them. */
  readonly links: readonly { readonly spanId: string; readonly evidence: string }[];
}

const SERVER = 2;
const CLIENT = 3;

/** @returns undefined for spans that are no request of the load or call of a program under test */
export function truthSpan(span: JsonSpan): TruthSpan | undefined {
  if (span.kind !== SERVER && span.kind !== CLIENT) return undefined;
  const id = /\/h\/([\w.]+)/.exec(whatItAsks(span.attributes) ?? "")?.[1];
  if (id === undefined) return undefined;
  return {
    id,
    side: span.kind === SERVER ? "server" : "client",
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId || undefined,
    evidence: attribute(span.attributes, "sockspan.link.evidence") ?? "none",
    threadId: attribute(span.attributes, "thread.id") ?? "-",
    coroutineId: attribute(span.attributes, "sockspan.coroutine.id") ?? "-",
    links: (span.links ?? []).map((link) => ({
      spanId: link.spanId,
      evidence: attribute(link.attributes, "sockspan.link.evidence") ?? "none",
    })),
  };
}

function whatItAsks(attributes: JsonSpan["attributes"]): string | undefined {
  const method = attribute(attributes, "rpc.method");
  return (
    attribute(attributes, "url.path") ??
    attribute(attributes, "url.full") ??
    attribute(attributes, "db.query.text") ??
    (method && `/${method}`)
  );
}

function attribute(attributes: readonly JsonAttribute[] | undefined, key: string): string | undefined {
  const value = attributes?.find((candidate) => candidate.key === key)?.value;
  return value?.stringValue ?? value?.intValue?.toString();
}
