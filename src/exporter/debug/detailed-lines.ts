import { escapeText } from "../../escape.ts";
import { SCOPE_NAME, SCOPE_VERSION } from "../../mapping/otlp/scope.ts";
import type { Attribute, AttributeValue, Resource, Span } from "../../mapping/span.ts";
import { SpanKind, StatusCode } from "../../mapping/span.ts";

/** Everything that a span has, a line for each thing. */
export function* detailedLines(spans: readonly Span[]): Generator<string> {
  let resource: Resource | undefined;
  for (const span of spans) {
    if (span.resource !== resource) {
      resource = span.resource;
      yield "Resource";
      yield* attributeLines(resource.attributes, "  ");
      yield `  scope: ${SCOPE_NAME} ${SCOPE_VERSION}`;
    }
    yield* spanLines(span);
  }
}

function* spanLines(span: Span): Generator<string> {
  yield `  Span ${escapeText(span.name)}`;
  yield `    trace id: ${span.traceId}`;
  yield `    span id: ${span.spanId}`;
  if (span.parentSpanId !== undefined) yield `    parent span id: ${span.parentSpanId}`;
  if (span.traceState !== undefined) yield `    trace state: ${escapeText(span.traceState)}`;
  yield `    flags: 0x${span.flags.toString(16)}`;
  yield `    kind: ${nameOf(SpanKind, span.kind)}`;
  yield `    start: ${formatTime(span.startTimeUnixNano)}`;
  yield `    end: ${formatTime(span.endTimeUnixNano)}`;
  const message = span.statusMessage === undefined ? "" : ` ${escapeText(span.statusMessage)}`;
  yield `    status: ${nameOf(StatusCode, span.status)}${message}`;
  yield* attributeLines(span.attributes, "    ");
  for (const event of span.events) {
    yield `    event ${escapeText(event.name)} at ${formatTime(event.timeUnixNano)}`;
    yield* attributeLines(event.attributes, "      ");
  }
  for (const link of span.links) {
    yield `    link ${link.traceId} ${link.spanId}`;
    yield* attributeLines(link.attributes, "      ");
  }
}

function* attributeLines(attributes: readonly Attribute[], indent: string): Generator<string> {
  for (const [key, value] of attributes) yield `${indent}${escapeText(key)}: ${formatValue(value)}`;
}

function formatValue(value: AttributeValue): string {
  if (typeof value === "object") return `[${value.map((item) => escapeText(String(item))).join(", ")}]`;
  return escapeText(String(value));
}

/** With all nine digits, which a Date does not have. */
function formatTime(unixNano: bigint): string {
  const date = new Date(Number(unixNano / 1_000_000_000n) * 1_000);
  if (Number.isNaN(date.getTime())) return `${unixNano} ns`;
  return date.toISOString().replace(".000Z", `.${String(unixNano % 1_000_000_000n).padStart(9, "0")}Z`);
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(names).find(([, number]) => number === value)?.[0] ?? String(value);
}
