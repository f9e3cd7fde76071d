import { SEMCONV_SCHEMA_URL } from "../semconv.ts";
import type { Attribute, AttributeValue, Resource, Span, SpanEvent, SpanLink } from "../span.ts";
import { StatusCode } from "../span.ts";
import { isInt64 } from "./attributes.ts";
import { SCOPE_NAME, SCOPE_VERSION } from "./scope.ts";

/**
 * An ExportTraceServiceRequest in OTLP's JSON, on one line (OTLP specification, "JSON Protobuf Encoding"):
 * ids in hex, 64-bit integers as strings, enums as numbers. The text is put together piece by piece: objects for
 * JSON.stringify would cost several times as much.
 */
export function traceRequestJson(spans: readonly Span[]): string {
  const groups = new Map<Resource, string[]>();
  for (const span of spans) {
    const group = groups.get(span.resource);
    if (group === undefined) groups.set(span.resource, [spanJson(span)]);
    else group.push(spanJson(span));
  }
  const resourceSpans = [...groups].map(
    ([resource, group]) =>
      `{"resource":${resourceJson(resource)},"scopeSpans":[{"scope":${scopeJson},"spans":[${group.join(",")}],` +
      `"schemaUrl":${schemaUrlJson}}],"schemaUrl":${schemaUrlJson}}`,
  );
  return `{"resourceSpans":[${resourceSpans.join(",")}]}`;
}

function spanJson(span: Span): string {
  const { traceState, parentSpanId, events, links } = span;
  return (
    `{"traceId":"${span.traceId}","spanId":"${span.spanId}"` +
    (traceState === undefined ? "" : `,"traceState":${textJson(traceState)}`) +
    (parentSpanId === undefined ? "" : `,"parentSpanId":"${parentSpanId}"`) +
    `,"flags":${span.flags},"name":${textJson(span.name)},"kind":${span.kind}` +
    `,"startTimeUnixNano":"${span.startTimeUnixNano}","endTimeUnixNano":"${span.endTimeUnixNano}"` +
    `,"attributes":${attributesJson(span.attributes)}` +
    (events.length === 0 ? "" : `,"events":[${events.map(eventJson).join(",")}]`) +
    (links.length === 0 ? "" : `,"links":[${links.map(linkJson).join(",")}]`) +
    `,"status":${statusJson(span)}}`
  );
}

function eventJson(event: SpanEvent): string {
  return `{"timeUnixNano":"${event.timeUnixNano}","name":${textJson(event.name)},"attributes":${attributesJson(event.attributes)}}`;
}

function linkJson(link: SpanLink): string {
  return `{"traceId":"${link.traceId}","spanId":"${link.spanId}","attributes":${attributesJson(link.attributes)}}`;
}

function statusJson({ status, statusMessage }: Span): string {
  if (statusMessage === undefined) return status === StatusCode.unset ? "{}" : `{"code":${status}}`;
  return `{"message":${textJson(statusMessage)}${status === StatusCode.unset ? "" : `,"code":${status}`}}`;
}

/** Once per process. */
function resourceJson(resource: Resource): string {
  let json = resources.get(resource);
  if (json === undefined) {
    json = `{"attributes":${attributesJson(resource.attributes)}}`;
    resources.set(resource, json);
  }
  return json;
}

function attributesJson(attributes: readonly Attribute[]): string {
  let json = "[";
  for (const attribute of attributes) {
    json += `${json.length === 1 ? "" : ","}{"key":${keyJson(attribute[0])},"value":${valueJson(attribute[1])}}`;
  }
  return `${json}]`;
}

function valueJson(value: AttributeValue): string {
  switch (typeof value) {
    case "string":
      return `{"stringValue":${textJson(value)}}`;
    case "number":
      return numberJson(value, isInt64(value));
    case "boolean":
      return `{"boolValue":${value}}`;
    case "bigint":
      return BigInt.asIntN(64, value) === value ? `{"intValue":"${value}"}` : `{"stringValue":"${value}"}`;
    default: {
      const asInteger = value.every(isInt64);
      const values = value.map((item) =>
        typeof item === "string" ? `{"stringValue":${textJson(item)}}` : numberJson(item, asInteger),
      );
      return `{"arrayValue":{"values":[${values.join(",")}]}}`;
    }
  }
}

function numberJson(value: number, asInteger: boolean): string {
  if (!asInteger) return `{"doubleValue":${Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`}}`;
  // Beyond this a number's own digits are rounded ones.
  return Number.isSafeInteger(value) ? `{"intValue":"${value}"}` : `{"intValue":"${BigInt(value)}"}`;
}

function keyJson(key: string): string {
  let json = keys.get(key);
  if (json === undefined) {
    json = textJson(key);
    // Keys may come from traced programs (header names), so the cache must end somewhere.
    if (keys.size < 2_000 && key.length <= 64) keys.set(key, json);
  }
  return json;
}

/** Lone surrogates are no characters: they become U+FFFD, as in the protobuf encoding. */
function textJson(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text.replace(/\p{Surrogate}/gu, "\ufffd"));
}

/** ASCII without what JSON escapes. */
const PLAIN = /^[ !#-[\]-~]*$/;
const keys = new Map<string, string>();
const resources = new WeakMap<Resource, string>();
const scopeJson = JSON.stringify({ name: SCOPE_NAME, version: SCOPE_VERSION });
const schemaUrlJson = JSON.stringify(SEMCONV_SCHEMA_URL);
