import type { Attribute, AttributeValue, Span } from "../../mapping/span.ts";
import { SpanKind, StatusCode } from "../../mapping/span.ts";

/** What one line says of a span; texts are as they came, the caller escapes them. */
interface SpanFacts {
  readonly kind: string;
  readonly service: string;
  /** Who it speaks with, as far as the span itself says. */
  readonly peer: string | undefined;
  readonly name: string;
  /** What the name does not say: path, statement summary, destination. */
  readonly subject: string | undefined;
  readonly result: string | undefined;
  readonly isError: boolean;
}

const KIND_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(SpanKind).map(([name, kind]) => [kind, name.toUpperCase()]),
);

export function factsOf(span: Span): SpanFacts {
  const attribute = (key: string) => find(span.attributes, key);
  const subject = attribute("url.path") ?? pathOf(attribute("url.full")) ?? attribute("db.query.summary");
  const isError = span.status === StatusCode.error;
  return {
    kind: kindName(span),
    service: serviceName(span),
    peer: peerOf(span, attribute),
    name: span.name,
    subject: subject === undefined || span.name.includes(subject) ? undefined : subject,
    result:
      attribute("http.response.status_code") ??
      attribute("rpc.response.status_code") ??
      attribute("db.response.status_code") ??
      attribute("error.type") ??
      (isError ? "error" : undefined),
    isError,
  };
}

/** `SERVER` */
export function kindName(span: Span): string {
  return KIND_NAMES.get(span.kind) ?? "SPAN";
}

export function serviceName(span: Span): string {
  return find(span.resource.attributes, "service.name") ?? "unknown_service";
}

function peerOf(span: Span, attribute: (key: string) => string | undefined): string | undefined {
  const isOutgoing = span.kind === SpanKind.client || span.kind === SpanKind.producer;
  if (!isOutgoing) return attribute("client.address") ?? attribute("network.peer.address");
  const named = attribute("service.peer.name") ?? attribute("peer.service");
  if (named !== undefined) return named;
  const address = attribute("server.address") ?? attribute("network.peer.address");
  const port = attribute("server.port") ?? attribute("network.peer.port");
  return address === undefined || port === undefined ? address : `${address}:${port}`;
}

function find(attributes: readonly Attribute[], key: string): string | undefined {
  const value: AttributeValue | undefined = attributes.find(([name]) => name === key)?.[1];
  return value === undefined ? undefined : String(value);
}

function pathOf(url: string | undefined): string | undefined {
  return url === undefined || !URL.canParse(url) ? url : new URL(url).pathname;
}
