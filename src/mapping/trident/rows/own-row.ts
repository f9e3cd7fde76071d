/**
 * What of a span a row has no field for, carried in one attribute of it, so that a row sent by sockspan becomes the
 * same span again at another sockspan. DeepFlow shows it as one more attribute.
 */

import type {
  Attribute,
  AttributeValue,
  Resource,
  Span,
  SpanEvent,
  SpanKind,
  SpanLink,
  StatusCode,
} from "../../span.ts";
import { isSpanId, isTraceId } from "./id-hash.ts";

export const OWN_ROW_ATTRIBUTE = "sockspan.row";
const VERSION = 1;
/** Beyond it events and links stay behind, then the resource: an ingester refuses rows without end. */
const MAX_TEXT_LENGTH = 32_768;

type Packed = string | number | boolean | readonly string[] | readonly number[] | { readonly i: string };
type PackedAttribute = readonly [string, Packed];

interface PackedSpan {
  readonly v: number;
  readonly t: string;
  readonly s: string;
  readonly p?: string;
  readonly w?: string;
  readonly f: number;
  readonly k: number;
  readonly n: string;
  readonly c: number;
  readonly m?: string;
  readonly a: readonly PackedAttribute[];
  readonly e?: readonly { readonly t: string; readonly n: string; readonly a: readonly PackedAttribute[] }[];
  readonly l?: readonly { readonly t: string; readonly s: string; readonly a: readonly PackedAttribute[] }[];
  readonly r?: readonly PackedAttribute[];
}

/** The same text for all spans of a process. */
const packedResources = new WeakMap<Resource, string>();

function packResource(resource: Resource): string {
  let text = packedResources.get(resource);
  if (text === undefined) {
    text = JSON.stringify(packAttributes(resource.attributes));
    packedResources.set(resource, text);
  }
  return text;
}

export function packSpan(span: Span): string {
  const packed: PackedSpan = {
    v: VERSION,
    t: span.traceId,
    s: span.spanId,
    ...(span.parentSpanId === undefined ? {} : { p: span.parentSpanId }),
    ...(span.traceState === undefined ? {} : { w: span.traceState }),
    f: span.flags,
    k: span.kind,
    n: span.name,
    c: span.status,
    ...(span.statusMessage === undefined ? {} : { m: span.statusMessage }),
    a: packAttributes(span.attributes),
    ...(span.events.length === 0
      ? {}
      : {
          e: span.events.map((event) => ({
            t: String(event.timeUnixNano),
            n: event.name,
            a: packAttributes(event.attributes),
          })),
        }),
    ...(span.links.length === 0
      ? {}
      : { l: span.links.map((link) => ({ t: link.traceId, s: link.spanId, a: packAttributes(link.attributes) })) }),
  };
  const text = `${JSON.stringify(packed).slice(0, -1)},"r":${packResource(span.resource)}}`;
  if (text.length <= MAX_TEXT_LENGTH) return text;
  const { e, l, ...rest } = packed;
  return `${JSON.stringify(rest).slice(0, -1)},"r":${packResource(span.resource)}}`;
}

/** undefined: not of ours, or not whole. Hostile text gives undefined, never a throw. */
export function unpackSpan(
  text: string,
  startTimeUnixNano: bigint,
  endTimeUnixNano: bigint,
  resourceOf: (key: string, attributes: () => Attribute[]) => Resource,
): Span | undefined {
  const packed = parse(text);
  if (packed === undefined || !isTraceId(packed.t) || !isSpanId(packed.s)) return undefined;
  if (packed.p !== undefined && !isSpanId(packed.p)) return undefined;
  const resource = packed.r ?? [];
  return {
    traceId: packed.t,
    spanId: packed.s,
    parentSpanId: packed.p,
    traceState: packed.w,
    flags: packed.f,
    kind: packed.k as SpanKind,
    name: packed.n,
    startTimeUnixNano,
    endTimeUnixNano,
    attributes: unpackAttributes(packed.a),
    events: (packed.e ?? []).map(
      (event): SpanEvent => ({ timeUnixNano: toBigInt(event.t), name: event.n, attributes: unpackAttributes(event.a) }),
    ),
    links: (packed.l ?? []).map(
      (link): SpanLink => ({ traceId: link.t, spanId: link.s, attributes: unpackAttributes(link.a) }),
    ),
    status: packed.c as StatusCode,
    statusMessage: packed.m,
    resource: resourceOf(JSON.stringify(resource), () => unpackAttributes(resource)),
  };
}

function packAttributes(attributes: readonly Attribute[]): PackedAttribute[] {
  return attributes.map(([key, value]) => [key, typeof value === "bigint" ? { i: String(value) } : value]);
}

function unpackAttributes(packed: readonly PackedAttribute[]): Attribute[] {
  return packed.map(([key, value]) => [key, unpackValue(value)]);
}

function unpackValue(value: Packed): AttributeValue {
  return typeof value === "object" && "i" in value ? toBigInt(value.i) : (value as AttributeValue);
}

function toBigInt(text: string): bigint {
  return BigInt.asIntN(64, BigInt(text));
}

function parse(text: string): PackedSpan | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isPackedSpan(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPackedSpan(value: unknown): value is PackedSpan {
  if (typeof value !== "object" || value === null) return false;
  const { v, t, s, p, w, f, k, n, c, m, a, e, l, r } = value as Record<string, unknown>;
  const isOptionalText = (field: unknown): boolean => field === undefined || typeof field === "string";
  return (
    v === VERSION &&
    typeof t === "string" &&
    typeof s === "string" &&
    [p, w, m].every(isOptionalText) &&
    Number.isInteger(f) &&
    isIn(k, 1, 5) &&
    typeof n === "string" &&
    isIn(c, 0, 2) &&
    isAttributes(a) &&
    (r === undefined || isAttributes(r)) &&
    (e === undefined ||
      (Array.isArray(e) && e.every((event) => isPart(event, "n") && /^\d{1,20}$/.test(event["t"] ?? "")))) &&
    (l === undefined ||
      (Array.isArray(l) &&
        l.every((link) => isPart(link, "s") && isTraceId(link["t"] ?? "") && isSpanId(link["s"] ?? ""))))
  );
}

function isPart(value: unknown, key: string): value is Record<string, string> {
  if (typeof value !== "object" || value === null) return false;
  const fields = value as Record<string, unknown>;
  return typeof fields["t"] === "string" && typeof fields[key] === "string" && isAttributes(fields["a"]);
}

function isIn(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

function isAttributes(value: unknown): value is PackedAttribute[] {
  return (
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string" && isValue(pair[1]))
  );
}

function isValue(value: unknown): boolean {
  if (["string", "number", "boolean"].includes(typeof value)) return true;
  if (Array.isArray(value)) {
    return value.every((item) => typeof item === "string") || value.every((item) => typeof item === "number");
  }
  return (
    typeof value === "object" &&
    value !== null &&
    "i" in value &&
    typeof value.i === "string" &&
    /^-?\d{1,20}$/.test(value.i)
  );
}
