import type { Span, SpanEvent, SpanLink } from "../span.ts";
import { SpanKind, StatusCode } from "../span.ts";
import { writeAttributes } from "./attributes.ts";
import { RepeatedAttributes } from "./repeated-attributes.ts";
import { type ReverseWriter, tag, WireType } from "./reverse-writer.ts";

/** trace.proto: Span. */
const FIELD = {
  traceId: tag(1, WireType.lengthDelimited),
  spanId: tag(2, WireType.lengthDelimited),
  traceState: tag(3, WireType.lengthDelimited),
  parentSpanId: tag(4, WireType.lengthDelimited),
  name: tag(5, WireType.lengthDelimited),
  kind: tag(6, WireType.varint),
  startTimeUnixNano: tag(7, WireType.fixed64),
  endTimeUnixNano: tag(8, WireType.fixed64),
  attributes: tag(9, WireType.lengthDelimited),
  events: tag(11, WireType.lengthDelimited),
  links: tag(13, WireType.lengthDelimited),
  status: tag(15, WireType.lengthDelimited),
  flags: tag(16, WireType.fixed32),
} as const;

/** trace.proto: Span.Event. */
const EVENT_FIELD = {
  timeUnixNano: tag(1, WireType.fixed64),
  name: tag(2, WireType.lengthDelimited),
  attributes: tag(3, WireType.lengthDelimited),
} as const;

/** trace.proto: Span.Link. */
const LINK_FIELD = {
  traceId: tag(1, WireType.lengthDelimited),
  spanId: tag(2, WireType.lengthDelimited),
  attributes: tag(4, WireType.lengthDelimited),
} as const;

/** trace.proto: Status. */
const STATUS_FIELD = { message: tag(2, WireType.lengthDelimited), code: tag(3, WireType.varint) } as const;

/** What is known of the spans that were written before into the same writer, by kind: forgotten when that is cleared. */
export class WrittenSpans {
  readonly #attributes = Object.values(SpanKind).map(() => new RepeatedAttributes(FIELD.attributes));

  forget(): void {
    for (const attributes of this.#attributes) attributes.forget();
  }

  attributesOf(kind: SpanKind): RepeatedAttributes {
    return this.#attributes[kind - SpanKind.internal]!;
  }
}

/** Writes the fields of one Span message, the last one first. */
export function writeSpan(writer: ReverseWriter, span: Span, before: WrittenSpans): void {
  if (span.flags !== 0) {
    writer.fixed32(span.flags);
    writer.varint(FIELD.flags);
  }
  if (span.status !== StatusCode.unset || span.statusMessage !== undefined) writeStatus(writer, span);
  for (let i = span.links.length - 1; i >= 0; i--) writeLink(writer, span.links[i]!);
  for (let i = span.events.length - 1; i >= 0; i--) writeEvent(writer, span.events[i]!);
  before.attributesOf(span.kind).write(writer, span.attributes);
  writer.fixed64(span.endTimeUnixNano);
  writer.byte(FIELD.endTimeUnixNano);
  writer.fixed64(span.startTimeUnixNano);
  writer.byte(FIELD.startTimeUnixNano);
  writer.varint(span.kind);
  writer.byte(FIELD.kind);
  writeText(writer, FIELD.name, span.name);
  if (span.parentSpanId !== undefined) writeId(writer, FIELD.parentSpanId, span.parentSpanId);
  if (span.traceState !== undefined) writeText(writer, FIELD.traceState, span.traceState);
  writeId(writer, FIELD.spanId, span.spanId);
  writeId(writer, FIELD.traceId, span.traceId);
}

function writeStatus(writer: ReverseWriter, span: Span): void {
  const start = writer.length;
  writer.varint(span.status);
  writer.byte(STATUS_FIELD.code);
  if (span.statusMessage !== undefined) writeText(writer, STATUS_FIELD.message, span.statusMessage);
  writer.prefix(FIELD.status, start);
}

function writeLink(writer: ReverseWriter, link: SpanLink): void {
  const start = writer.length;
  writeAttributes(writer, LINK_FIELD.attributes, link.attributes);
  writeId(writer, LINK_FIELD.spanId, link.spanId);
  writeId(writer, LINK_FIELD.traceId, link.traceId);
  writer.prefix(FIELD.links, start);
}

function writeEvent(writer: ReverseWriter, event: SpanEvent): void {
  const start = writer.length;
  writeAttributes(writer, EVENT_FIELD.attributes, event.attributes);
  writeText(writer, EVENT_FIELD.name, event.name);
  writer.fixed64(event.timeUnixNano);
  writer.byte(EVENT_FIELD.timeUnixNano);
  writer.prefix(FIELD.events, start);
}

function writeText(writer: ReverseWriter, fieldTag: number, text: string): void {
  const start = writer.length;
  writer.utf8(text);
  writer.prefix(fieldTag, start);
}

function writeId(writer: ReverseWriter, fieldTag: number, digits: string): void {
  const start = writer.length;
  writer.hex(digits);
  writer.prefix(fieldTag, start);
}
