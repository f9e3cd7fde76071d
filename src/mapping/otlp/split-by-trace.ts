import { readFields, type WireField } from "./wire-reader.ts";

/** trace_service.proto, trace.proto: the path from the request to the id of a span's trace. */
const RESOURCE_SPANS_FIELD = 1;
const SCOPE_SPANS_FIELD = 2;
const SPANS_FIELD = 2;
const TRACE_ID_FIELD = 1;

/** The spans of one trace as a request of their own. */
interface TraceRequest {
  /** Hexadecimal. */
  readonly traceId: string;
  readonly bytes: Uint8Array;
  readonly spanCount: number;
}

interface Place {
  readonly resource: number;
  readonly scope: number;
  readonly span: Uint8Array;
}

/** A message without some of its fields, as it lies there. */
type Rest = readonly Uint8Array[];

/** Cuts a request of ours by trace, in the order in which traces appear. Resources and scopes are repeated. */
export function splitByTrace(request: Uint8Array): TraceRequest[] {
  const resources: { readonly rest: Rest; readonly scopes: Rest[] }[] = [];
  const traces = new Map<string, Place[]>();
  for (const resource of childrenOf(request, RESOURCE_SPANS_FIELD)) {
    const scopes: Rest[] = [];
    for (const scope of childrenOf(resource.bytes, SCOPE_SPANS_FIELD)) {
      for (const span of childrenOf(scope.bytes, SPANS_FIELD)) {
        const place = { resource: resources.length, scope: scopes.length, span: span.bytes };
        const traceId = traceIdOf(span.bytes);
        const places = traces.get(traceId);
        if (places === undefined) traces.set(traceId, [place]);
        else places.push(place);
      }
      scopes.push(restOf(scope.bytes, SPANS_FIELD));
    }
    resources.push({ rest: restOf(resource.bytes, SCOPE_SPANS_FIELD), scopes });
  }
  return [...traces].map(([traceId, places]) => {
    const parts = runs(places, ({ resource }) => resource).map((ofResource) => {
      const { rest, scopes } = resources[ofResource[0]!.resource]!;
      const scopeParts = runs(ofResource, ({ scope }) => scope).map((ofScope) => {
        const spans = ofScope.map(({ span }) => field(SPANS_FIELD, [span]));
        return field(SCOPE_SPANS_FIELD, [...spans, ...scopes[ofScope[0]!.scope]!]);
      });
      return field(RESOURCE_SPANS_FIELD, [...scopeParts, ...rest]);
    });
    return { traceId, bytes: concat(parts), spanCount: places.length };
  });
}

function childrenOf(message: Uint8Array, child: number): WireField[] {
  return [...readFields(message)].filter((each) => each.field === child);
}

function restOf(message: Uint8Array, child: number): Rest {
  return [...readFields(message)]
    .filter((each) => each.field !== child)
    .map(({ start, end }) => message.subarray(start, end));
}

function traceIdOf(span: Uint8Array): string {
  for (const { field: number, bytes } of readFields(span)) {
    if (number === TRACE_ID_FIELD) return bytes.reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
  }
  return "";
}

/** Neighbours with the same key. */
function runs<T>(items: readonly T[], keyOf: (item: T) => number): T[][] {
  const found: T[][] = [];
  for (const item of items) {
    const last = found.at(-1);
    if (last !== undefined && keyOf(last[0]!) === keyOf(item)) last.push(item);
    else found.push([item]);
  }
  return found;
}

/** Tag and length in front: the numbers of these fields take one byte. */
function field(number: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [(number << 3) | 2];
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  head.push(rest);
  return concat([Uint8Array.from(head), ...parts]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
