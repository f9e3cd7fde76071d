import type { Attributes, HrTime, TraceState } from "@opentelemetry/api";
import type { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { SCOPE_NAME, SCOPE_VERSION } from "../../mapping/otlp/scope.ts";
import { SEMCONV_SCHEMA_URL } from "../../mapping/semconv.ts";
import type { Attribute, Resource, Span } from "../../mapping/span.ts";
import { SpanFlags } from "../../mapping/span.ts";

/** What OpenTelemetry JS hands to its exporters. */
type ReadableSpan = Parameters<OTLPTraceExporter["export"]>[0][number];

/** A span of ours as OpenTelemetry JS has it. */
export function toReadableSpan(span: Span): ReadableSpan {
  const { traceId, spanId, parentSpanId } = span;
  const traceFlags = span.flags & 0xff;
  const isRemote = (span.flags & SpanFlags.isRemote) !== 0;
  const traceState = span.traceState === undefined ? {} : { traceState: toTraceState(span.traceState) };
  const context = { traceId, spanId, traceFlags, ...traceState };
  return {
    name: span.name,
    // The API counts kinds from 0 (INTERNAL), OTLP from 1.
    kind: span.kind - 1,
    spanContext: () => context,
    ...(parentSpanId === undefined
      ? {}
      : { parentSpanContext: { traceId, spanId: parentSpanId, traceFlags, isRemote } }),
    startTime: toHrTime(span.startTimeUnixNano),
    endTime: toHrTime(span.endTimeUnixNano),
    duration: toHrTime(span.endTimeUnixNano - span.startTimeUnixNano),
    status: { code: span.status, ...(span.statusMessage === undefined ? {} : { message: span.statusMessage }) },
    attributes: toAttributes(span.attributes),
    links: span.links.map((link) => ({
      context: { traceId: link.traceId, spanId: link.spanId, traceFlags: 0 },
      attributes: toAttributes(link.attributes),
    })),
    events: span.events.map((event) => ({
      time: toHrTime(event.timeUnixNano),
      name: event.name,
      attributes: toAttributes(event.attributes),
    })),
    ended: true,
    resource: toResource(span.resource),
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

const scope = { name: SCOPE_NAME, version: SCOPE_VERSION, schemaUrl: SEMCONV_SCHEMA_URL };

function toHrTime(unixNano: bigint): HrTime {
  return [Number(unixNano / 1_000_000_000n), Number(unixNano % 1_000_000_000n)];
}

/** The SDK has attributes as an object, and numbers only: a bigint that no number holds goes as its digits. */
function toAttributes(attributes: readonly Attribute[]): Attributes {
  const object: Attributes = Object.create(null) as Attributes;
  for (const [key, value] of attributes) {
    if (typeof value === "bigint") object[key] = Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
    else if (Array.isArray(value)) object[key] = [...(value as readonly string[])];
    else object[key] = value as string | number | boolean;
  }
  return object;
}

/** The serializer groups spans by the identity of the resource, so each of ours has one counterpart. */
function toResource(resource: Resource): ReadableSpan["resource"] {
  let converted = resources.get(resource);
  if (converted === undefined) {
    converted = resourceFromAttributes(toAttributes(resource.attributes), { schemaUrl: SEMCONV_SCHEMA_URL });
    resources.set(resource, converted);
  }
  return converted;
}

/** Only ever written out again. */
function toTraceState(serialized: string): TraceState {
  const state: TraceState = { get: () => undefined, set: () => state, unset: () => state, serialize: () => serialized };
  return state;
}

const resources = new WeakMap<Resource, ReadableSpan["resource"]>();
