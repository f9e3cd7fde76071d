/** Spans to trace requests in one go. */
import { type EncodedRequest, TraceRequestBuilder } from "../../src/mapping/otlp/trace-request.ts";
import type { Span } from "../../src/mapping/span.ts";

/** One request with all spans, whatever its size. */
export function encodeTraceRequest(spans: readonly Span[]): Uint8Array {
  return splitBySize(spans, Number.POSITIVE_INFINITY)[0]?.bytes ?? new Uint8Array(0);
}

/** As few requests as hold all spans, none above `maxSizeBytes` unless a single span is. */
export function splitBySize(spans: readonly Span[], maxSizeBytes: number): EncodedRequest[] {
  const builder = new TraceRequestBuilder();
  builder.add(spans);
  return builder.finish(maxSizeBytes);
}
