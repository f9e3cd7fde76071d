import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

/** The OTLP trace messages, from proto/opentelemetry: an encoder and decoder that shares nothing with ours. */
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => fileURLToPath(new URL(`../../../proto/${target}`, import.meta.url));
root.loadSync("opentelemetry/proto/collector/trace/v1/trace_service.proto");

const requestType = root.lookupType("opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest");
const responseType = root.lookupType("opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse");

/** ids in hex, 64-bit integers as decimal strings, defaults left out where the message has none. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags?: number;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly attributes?: readonly OtlpKeyValue[];
  readonly events?: readonly { timeUnixNano?: string; name?: string; attributes?: readonly OtlpKeyValue[] }[];
  readonly links?: readonly { traceId: string; spanId: string; attributes?: readonly OtlpKeyValue[] }[];
  readonly status?: { message?: string; code?: number };
}

export interface OtlpKeyValue {
  readonly key: string;
  readonly value: Record<string, unknown>;
}

export interface OtlpTraceRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly OtlpKeyValue[] };
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string };
      readonly spans?: readonly OtlpSpan[];
      readonly schemaUrl?: string;
    }[];
    readonly schemaUrl?: string;
  }[];
}

export function decodeTraceRequest(bytes: Uint8Array): OtlpTraceRequest {
  const message = requestType.toObject(requestType.decode(bytes), { longs: String, arrays: false });
  return hexIds(message) as OtlpTraceRequest;
}

export function encodeTraceResponse(partialSuccess?: { rejectedSpans: number; errorMessage: string }): Buffer {
  const message = responseType.fromObject(partialSuccess === undefined ? {} : { partialSuccess });
  return Buffer.from(responseType.encode(message).finish());
}

export function spansOf(request: OtlpTraceRequest): OtlpSpan[] {
  return (request.resourceSpans ?? []).flatMap((resource) =>
    (resource.scopeSpans ?? []).flatMap((scope) => scope.spans ?? []),
  );
}

/** Without what may be written or left out (zeros, empty messages), and link flags, which our links do not have. */
export function normalRequest(request: OtlpTraceRequest): unknown {
  return normalValue("", request);
}

function normalValue(key: string, value: unknown): unknown {
  if (key === "doubleValue") return String(value);
  if (key.startsWith("dropped") && value === 0) return undefined;
  if (key === "flags" && value === 0x100) return undefined;
  if (key === "code" && value === 0) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => normalValue("", item));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .map(([name, item]) => [name, normalValue(name, item)] as const)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Bytes, which are ids in OTLP, as hex. */
export function hexIds(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(hexIds);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hexIds(item)]));
}
