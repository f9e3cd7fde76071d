import { ReverseWriter, tag, WireType } from "./reverse-writer.ts";
import type { EncodedRequest } from "./trace-request.ts";
import { readFields, type WireField } from "./wire-reader.ts";

/** trace_service.proto, trace.proto: the path from the request to its spans. */
const RESOURCE_SPANS_FIELD = 1;
const SCOPE_SPANS_FIELD = 2;
const SPANS_FIELD = 2;

/** Cuts a request of ours in two by the number of spans; undefined when there is nothing to cut. */
export function halveRequest(request: EncodedRequest): [EncodedRequest, EncodedRequest] | undefined {
  if (request.spanCount < 2) return undefined;
  const firstCount = request.spanCount >> 1;
  return [
    { bytes: keepSpans(request.bytes, 0, firstCount), spanCount: firstCount },
    { bytes: keepSpans(request.bytes, firstCount, request.spanCount), spanCount: request.spanCount - firstCount },
  ];
}

/** The same request with the spans of `from` to `to` only, and no resource that is left without any. */
function keepSpans(message: Uint8Array, from: number, to: number): Uint8Array {
  const writer = new ReverseWriter(message.length);
  let next = 0;
  const keepSpan = (span: Uint8Array): Uint8Array | undefined => {
    const index = next++;
    return index >= from && index < to ? span : undefined;
  };
  const resourceSpans: Uint8Array[] = [];
  for (const field of readFields(message)) {
    if (field.field !== RESOURCE_SPANS_FIELD) continue;
    const kept = keep(field.bytes, SCOPE_SPANS_FIELD, (scopeSpans) => keep(scopeSpans, SPANS_FIELD, keepSpan));
    if (kept !== undefined) resourceSpans.push(kept);
  }
  for (const block of resourceSpans.reverse()) {
    const start = writer.length;
    writer.bytes(block);
    writer.prefix(tag(RESOURCE_SPANS_FIELD, WireType.lengthDelimited), start);
  }
  return writer.slice();
}

/** Replaces each field of number `child` by what `change` makes of it; undefined when none is left. */
function keep(
  message: Uint8Array,
  child: number,
  change: (child: Uint8Array) => Uint8Array | undefined,
): Uint8Array | undefined {
  const parts: { field: WireField; bytes: Uint8Array | undefined }[] = [];
  let children = 0;
  for (const field of readFields(message)) {
    if (field.field !== child) {
      parts.push({ field, bytes: undefined });
      continue;
    }
    const bytes = change(field.bytes);
    if (bytes === undefined) continue;
    parts.push({ field, bytes });
    children++;
  }
  if (children === 0) return undefined;
  const writer = new ReverseWriter(message.length);
  for (const { field, bytes } of parts.reverse()) {
    if (bytes === undefined) {
      writer.bytes(message.subarray(field.start, field.end));
      continue;
    }
    const start = writer.length;
    writer.bytes(bytes);
    writer.prefix(tag(child, WireType.lengthDelimited), start);
  }
  return writer.slice();
}
