import { semconvSchemaUrl } from "../semconv.ts";
import type { Attribute, AttributeValue, Resource, Span } from "../span.ts";
import { StatusCode } from "../span.ts";
import { isInt64 } from "./attributes.ts";
import { scopeName, scopeVersion } from "./scope.ts";

/**
 * An ExportTraceServiceRequest in OTLP's JSON, on one line (OTLP specification, "JSON Protobuf Encoding"):
 * ids in hex, 64-bit integers as strings, enums as numbers.
 */
export function traceRequestJson(spans: readonly Span[]): string {
  const groups = new Map<Resource, object[]>();
  for (const span of spans) {
    const group = groups.get(span.resource);
    if (group === undefined) groups.set(span.resource, [spanObject(span)]);
    else group.push(spanObject(span));
  }
  const resourceSpans = [];
  for (const [resource, group] of groups) {
    resourceSpans.push({
      resource: { attributes: resource.attributes.map(keyValue) },
      scopeSpans: [{ scope: { name: scopeName, version: scopeVersion }, spans: group, schemaUrl: semconvSchemaUrl }],
      schemaUrl: semconvSchemaUrl,
    });
  }
  return JSON.stringify({ resourceSpans });
}

function spanObject(span: Span): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.traceState === undefined ? {} : { traceState: wellFormed(span.traceState) }),
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    flags: span.flags,
    name: wellFormed(span.name),
    kind: span.kind,
    startTimeUnixNano: span.startTimeUnixNano.toString(),
    endTimeUnixNano: span.endTimeUnixNano.toString(),
    attributes: span.attributes.map(keyValue),
    ...(span.events.length === 0
      ? {}
      : {
          events: span.events.map((event) => ({
            timeUnixNano: event.timeUnixNano.toString(),
            name: wellFormed(event.name),
            attributes: event.attributes.map(keyValue),
          })),
        }),
    ...(span.links.length === 0
      ? {}
      : {
          links: span.links.map((link) => ({
            traceId: link.traceId,
            spanId: link.spanId,
            attributes: link.attributes.map(keyValue),
          })),
        }),
    status: {
      ...(span.statusMessage === undefined ? {} : { message: wellFormed(span.statusMessage) }),
      ...(span.status === StatusCode.unset ? {} : { code: span.status }),
    },
  };
}

function keyValue([key, value]: Attribute): object {
  return { key: wellFormed(key), value: anyValue(value) };
}

function anyValue(value: AttributeValue): object {
  switch (typeof value) {
    case "string":
      return { stringValue: wellFormed(value) };
    case "number":
      return numberValue(value, isInt64(value));
    case "boolean":
      return { boolValue: value };
    case "bigint":
      return BigInt.asIntN(64, value) === value ? { intValue: value.toString() } : { stringValue: value.toString() };
    default: {
      const asInteger = value.every(isInt64);
      const values = value.map((item) =>
        typeof item === "string" ? { stringValue: wellFormed(item) } : numberValue(item, asInteger),
      );
      return { arrayValue: { values } };
    }
  }
}

function numberValue(value: number, asInteger: boolean): object {
  if (asInteger) return { intValue: BigInt(value).toString() };
  return { doubleValue: Number.isFinite(value) ? value : String(value) };
}

/** Lone surrogates are no characters: they become U+FFFD, as in the protobuf encoding. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}
