import type { Attribute, AttributeValue } from "../span.ts";
import { type ReverseWriter, tag, WireType } from "./reverse-writer.ts";

/** common.proto: KeyValue {key = 1, value = 2}; AnyValue's oneof. */
const keyTag = tag(1, WireType.lengthDelimited);
const valueTag = tag(2, WireType.lengthDelimited);
const stringValue = tag(1, WireType.lengthDelimited);
const boolValue = tag(2, WireType.varint);
const intValue = tag(3, WireType.varint);
const doubleValue = tag(4, WireType.fixed64);
const arrayValue = tag(5, WireType.lengthDelimited);
const arrayItem = tag(1, WireType.lengthDelimited);

/** Writes a repeated KeyValue field. */
export function writeAttributes(writer: ReverseWriter, fieldTag: number, attributes: readonly Attribute[]): void {
  for (let i = attributes.length - 1; i >= 0; i--) writeAttribute(writer, fieldTag, attributes[i]!);
}

/** One KeyValue of it. */
export function writeAttribute(writer: ReverseWriter, fieldTag: number, attribute: Attribute): void {
  const start = writer.length;
  writeKeyValue(writer, attribute[0], attribute[1]);
  writer.prefix(fieldTag, start);
}

/** Most attributes have the value that they had in the span before: then its bytes are written again. */
function writeKeyValue(writer: ReverseWriter, key: string, value: AttributeValue): void {
  const known = knownKeys.get(key) ?? addKey(writer, key);
  if (known?.repeated === value) {
    writer.bytes(known.repeatedBytes);
    return;
  }
  const start = writer.length;
  writeAnyValue(writer, value);
  writer.prefix(valueTag, start);
  if (known === undefined) {
    writeKey(writer, key);
    return;
  }
  writer.bytes(known.bytes);
  if (known.last === value) {
    known.repeated = value;
    known.repeatedBytes = writer.slice(0, writer.length - start);
  } else if (typeof value !== "string" || value.length <= MAX_KEPT_LENGTH) known.last = value;
}

/** The fields of one AnyValue. */
export function writeAnyValue(writer: ReverseWriter, value: AttributeValue): void {
  switch (typeof value) {
    case "string":
      writeString(writer, value);
      return;
    case "number":
      writeNumber(writer, value, isInt64(value));
      return;
    case "boolean":
      writer.byte(value ? 1 : 0);
      writer.byte(boolValue);
      return;
    case "bigint":
      writeBigInt(writer, value);
      return;
    default:
      writeArray(writer, value);
  }
}

function writeString(writer: ReverseWriter, value: string): void {
  const start = writer.length;
  writer.utf8(value);
  writer.prefix(stringValue, start);
}

function writeNumber(writer: ReverseWriter, value: number, asInteger: boolean): void {
  if (!asInteger) {
    writer.double(value);
    writer.byte(doubleValue);
    return;
  }
  if (value < 0 || value > Number.MAX_SAFE_INTEGER) writer.varint64(BigInt(value));
  else writer.varint(value);
  writer.byte(intValue);
}

/** An integer that no int64 holds goes as its digits: nothing is cut off. */
function writeBigInt(writer: ReverseWriter, value: bigint): void {
  if (BigInt.asIntN(64, value) !== value) {
    writeString(writer, value.toString());
    return;
  }
  writer.varint64(value);
  writer.byte(intValue);
}

function writeArray(writer: ReverseWriter, values: readonly string[] | readonly number[]): void {
  const start = writer.length;
  // The specification wants arrays of one type: one fraction makes all of them doubles.
  const asInteger = values.every(isInt64);
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i]!;
    const item = writer.length;
    if (typeof value === "string") writeString(writer, value);
    else writeNumber(writer, value, asInteger);
    writer.prefix(arrayItem, item);
  }
  writer.prefix(arrayValue, start);
}

/** Whole numbers are int_value as far as an int64 holds them; all others are double_value. */
export function isInt64(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= -(2 ** 63) && (value as number) < 2 ** 63;
}

function writeKey(writer: ReverseWriter, key: string): void {
  const start = writer.length;
  writer.utf8(key);
  writer.prefix(keyTag, start);
}

/** Keys may come from traced programs (header names), so what is known of them must end somewhere. */
function addKey(writer: ReverseWriter, key: string): KnownKey | undefined {
  if (knownKeys.size >= 2_000 || key.length > 64) return undefined;
  const start = writer.length;
  writeKey(writer, key);
  const bytes = writer.slice(0, writer.length - start);
  writer.drop(bytes.length);
  const known: KnownKey = { bytes, last: undefined, repeated: undefined, repeatedBytes: bytes };
  knownKeys.set(key, known);
  return known;
}

interface KnownKey {
  /** KeyValue.key. */
  readonly bytes: Uint8Array;
  last: AttributeValue | undefined;
  /** A value that came twice in a row, and the whole KeyValue with it. */
  repeated: AttributeValue | undefined;
  repeatedBytes: Uint8Array;
}

const MAX_KEPT_LENGTH = 256;
const knownKeys = new Map<string, KnownKey>();
