import type { Span, SpanEvent, SpanLink } from "../span.ts";
import { SpanKind, StatusCode } from "../span.ts";
import { writeAttributes } from "./attributes.ts";
import { RepeatedAttributes } from "./repeated-attributes.ts";
import { type ReverseWriter, tag, WireType } from "./reverse-writer.ts";

/** trace.proto: Span. */
const field = {
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
const eventField = {
  timeUnixNano: tag(1, WireType.fixed64),
  name: tag(2, WireType.lengthDelimited),
  attributes: tag(3, WireType.lengthDelimited),
} as const;

/** trace.proto: Span.Link. */
const linkField = {
  traceId: tag(1, WireType.lengthDelimited),
  spanId: tag(2, WireType.lengthDelimited),
  attributes: tag(4, WireType.lengthDelimited),
} as const;

/** trace.proto: Status. */
const statusField = { message: tag(2, WireType.lengthDelimited), code: tag(3, WireType.varint) } as const;

/** What is known of the spans that were written before into the same writer, by kind: forgotten when that is cleared. */
export class WrittenSpans {
  readonly #attributes = Object.values(SpanKind).map(() => new RepeatedAttributes(field.attributes));

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
    writer.varint(field.flags);
  }
  if (span.status !== StatusCode.unset || span.statusMessage !== undefined) writeStatus(writer, span);
  for (let i = span.links.length - 1; i >= 0; i--) writeLink(writer, span.links[i]!);
  for (let i = span.events.length - 1; i >= 0; i--) writeEvent(writer, span.events[i]!);
  before.attributesOf(span.kind).write(writer, span.attributes);
  writer.fixed64(span.endTimeUnixNano);
  writer.byte(field.endTimeUnixNano);
  writer.fixed64(span.startTimeUnixNano);
  writer.byte(field.startTimeUnixNano);
  writer.varint(span.kind);
  writer.byte(field.kind);
  writeText(writer, field.name, span.name);
  if (span.parentSpanId !== undefined) writeId(writer, field.parentSpanId, span.parentSpanId);
  if (span.traceState !== undefined) writeText(writer, field.traceState, span.traceState);
  writeId(writer, field.spanId, span.spanId);
  writeId(writer, field.traceId, span.traceId);
}

function writeStatus(writer: ReverseWriter, span: Span): void {
  const start = writer.length;
  writer.varint(span.status);
  writer.byte(statusField.code);
  if (span.statusMessage !== undefined) writeText(writer, statusField.message, span.statusMessage);
  writer.prefix(field.status, start);
}

function writeLink(writer: ReverseWriter, link: SpanLink): void {
  const start = writer.length;
  writeAttributes(writer, linkField.attributes, link.attributes);
  writeId(writer, linkField.spanId, link.spanId);
  writeId(writer, linkField.traceId, link.traceId);
  writer.prefix(field.links, start);
}

function writeEvent(writer: ReverseWriter, event: SpanEvent): void {
  const start = writer.length;
  writeAttributes(writer, eventField.attributes, event.attributes);
  writeText(writer, eventField.name, event.name);
  writer.fixed64(event.timeUnixNano);
  writer.byte(eventField.timeUnixNano);
  writer.prefix(field.events, start);
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
