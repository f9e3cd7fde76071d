/**
 * OpenTelemetry payloads that an agent passed on (TracesData, opentelemetry/proto/trace/v1/trace.proto) into spans.
 * What our span has no place for (scope, dropped counts, values that are maps) is left out; maps become JSON.
 */
import {
  type Attribute,
  type AttributeValue,
  type Resource,
  type Span,
  type SpanEvent,
  SpanKind,
  type SpanLink,
  StatusCode,
} from "../span.ts";
import { WireReader } from "./wire/wire-reader.ts";

const MAX_DEPTH = 8;

/** undefined when the bytes are no TracesData. */
export function decodeTracesData(bytes: Uint8Array): Span[] | undefined {
  const reader = new WireReader();
  reader.reset(bytes);
  const spans: Span[] = [];
  each(reader, (tag) => {
    if (tag !== 0x0a) return false;
    readResourceSpans(reader, spans);
    return true;
  });
  return reader.isBroken ? undefined : spans;
}

function each(reader: WireReader, field: (tag: number) => boolean): void {
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (!field(tag)) reader.skip(tag);
  }
}

function inside(reader: WireReader, field: (tag: number) => boolean): void {
  const end = reader.enter();
  each(reader, field);
  reader.leave(end);
}

function readResourceSpans(reader: WireReader, spans: Span[]): void {
  const attributes: Attribute[] = [];
  const resource: Resource = { attributes };
  inside(reader, (tag) => {
    if (tag === 0x0a) inside(reader, (inner) => inner === 0x0a && pushAttribute(reader, attributes));
    else if (tag === 0x12) {
      inside(reader, (inner) => {
        if (inner !== 0x12) return false;
        spans.push(readSpan(reader, resource));
        return true;
      });
    } else return false;
    return true;
  });
}

function readSpan(reader: WireReader, resource: Resource): Span {
  const span = emptySpan(resource);
  inside(reader, (tag) => readSpanField(reader, tag, span));
  return span;
}

function emptySpan(resource: Resource) {
  return {
    traceId: "",
    spanId: "",
    parentSpanId: undefined as string | undefined,
    traceState: undefined as string | undefined,
    flags: 0,
    kind: SpanKind.internal as SpanKind,
    name: "",
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    attributes: [] as Attribute[],
    events: [] as SpanEvent[],
    links: [] as SpanLink[],
    status: StatusCode.unset as StatusCode,
    statusMessage: undefined as string | undefined,
    resource,
  };
}

/** @returns false: the field is none that we know, and still to be passed over */
function readSpanField(reader: WireReader, tag: number, span: ReturnType<typeof emptySpan>): boolean {
  switch (tag) {
    case 0x0a:
      span.traceId = hex(reader.view());
      break;
    case 0x12:
      span.spanId = hex(reader.view());
      break;
    case 0x1a:
      span.traceState = reader.string() || undefined;
      break;
    case 0x22:
      span.parentSpanId = hex(reader.view()) || undefined;
      break;
    case 0x2a:
      span.name = reader.string();
      break;
    case 0x30: {
      const kind = reader.uint32();
      if (kind >= SpanKind.internal && kind <= SpanKind.consumer) span.kind = kind as SpanKind;
      break;
    }
    case 0x39:
      span.startTimeUnixNano = reader.fixed64();
      break;
    case 0x41:
      span.endTimeUnixNano = reader.fixed64();
      break;
    case 0x4a:
      return pushAttribute(reader, span.attributes);
    case 0x5a:
      span.events.push(readEvent(reader));
      break;
    case 0x6a:
      span.links.push(readLink(reader));
      break;
    case 0x7a:
      inside(reader, (inner) => {
        if (inner === 0x12) span.statusMessage = reader.string() || undefined;
        else if (inner === 0x18) span.status = Math.min(2, reader.uint32()) as StatusCode;
        else return false;
        return true;
      });
      break;
    case 0x85: // flags 16, fixed32
      span.flags = reader.fixed32();
      break;
    default:
      return false;
  }
  return true;
}

function readEvent(reader: WireReader): SpanEvent {
  const event = { timeUnixNano: 0n, name: "", attributes: [] as Attribute[] };
  inside(reader, (tag) => {
    if (tag === 0x09) event.timeUnixNano = reader.fixed64();
    else if (tag === 0x12) event.name = reader.string();
    else return tag === 0x1a && pushAttribute(reader, event.attributes);
    return true;
  });
  return event;
}

function readLink(reader: WireReader): SpanLink {
  const link = { traceId: "", spanId: "", attributes: [] as Attribute[] };
  inside(reader, (tag) => {
    if (tag === 0x0a) link.traceId = hex(reader.view());
    else if (tag === 0x12) link.spanId = hex(reader.view());
    else return tag === 0x22 && pushAttribute(reader, link.attributes);
    return true;
  });
  return link;
}

function pushAttribute(reader: WireReader, attributes: Attribute[]): true {
  const [key, value] = readKeyValue(reader, 0);
  if (value !== undefined) attributes.push([key, toAttributeValue(value)]);
  return true;
}

type Value = string | number | bigint | boolean | readonly Value[] | ReadonlyMap<string, Value>;

function readKeyValue(reader: WireReader, depth: number): [string, Value | undefined] {
  let key = "";
  let value: Value | undefined;
  inside(reader, (tag) => {
    if (tag === 0x0a) key = reader.string();
    else if (tag === 0x12) value = readValue(reader, depth);
    else return false;
    return true;
  });
  return [key, value];
}

function readValue(reader: WireReader, depth: number): Value | undefined {
  let value: Value | undefined;
  inside(reader, (tag) => {
    if (tag === 0x0a) value = reader.string();
    else if (tag === 0x10) value = reader.uint32() !== 0;
    else if (tag === 0x18) value = toNumber(BigInt.asIntN(64, reader.uint64()));
    else if (tag === 0x21) value = reader.double();
    else if (tag === 0x2a && depth < MAX_DEPTH) value = readArray(reader, depth + 1);
    else if (tag === 0x32 && depth < MAX_DEPTH) value = readMap(reader, depth + 1);
    else if (tag === 0x3a) value = hex(reader.view());
    else return false;
    return true;
  });
  return value;
}

function readArray(reader: WireReader, depth: number): Value[] {
  const values: Value[] = [];
  inside(reader, (tag) => {
    if (tag !== 0x0a) return false;
    const value = readValue(reader, depth);
    if (value !== undefined) values.push(value);
    return true;
  });
  return values;
}

function readMap(reader: WireReader, depth: number): Map<string, Value> {
  const values = new Map<string, Value>();
  inside(reader, (tag) => {
    if (tag !== 0x0a) return false;
    const [key, value] = readKeyValue(reader, depth);
    if (value !== undefined) values.set(key, value);
    return true;
  });
  return values;
}

function toAttributeValue(value: Value): AttributeValue {
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === "number")) return value;
    return value.map((item) => (typeof item === "object" ? toJson(item) : String(item)));
  }
  return toJson(value);
}

function toJson(value: Value): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (item instanceof Map) return Object.fromEntries(item);
    return typeof item === "bigint" ? String(item) : item;
  });
}

function toNumber(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return /^0*$/.test(text) ? "" : text;
}
