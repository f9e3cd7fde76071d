/** BSON (bsonspec.org), read no further than a span needs: top-level elements, and the shape of a document without its values. */
import { latin1, utf8 } from "../../latin1.ts";

export interface BsonElement {
  readonly type: number;
  readonly name: string;
  /** Index of the value. */
  readonly at: number;
}

export const BsonType = { double: 1, string: 2, document: 3, array: 4, boolean: 8, int32: 16, int64: 18 } as const;

const MAX_ELEMENTS = 256;

function int32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** @returns length of the value, -1: not BSON or not in view */
function valueLength(bytes: Uint8Array, type: number, at: number, end: number): number {
  const sized = at + 4 <= end ? int32(bytes, at) : -1;
  switch (type) {
    case 1:
    case 9:
    case 17:
    case 18:
      return 8;
    case 2:
    case 13:
    case 14:
      return sized < 1 ? -1 : 4 + sized;
    case 3:
    case 4:
    case 15:
      return sized < 5 ? -1 : sized;
    case 5:
      return sized < 0 ? -1 : 5 + sized;
    case 6:
    case 10:
    case 127:
    case 255:
      return 0;
    case 7:
      return 12;
    case 8:
      return 1;
    case 11: {
      const first = bytes.indexOf(0, at);
      const second = first < 0 ? -1 : bytes.indexOf(0, first + 1);
      return second < 0 || second >= end ? -1 : second + 1 - at;
    }
    case 12:
      return sized < 1 ? -1 : 4 + sized + 12;
    case 16:
      return 4;
    case 19:
      return 16;
    default:
      return -1;
  }
}

/** The elements of the document at `from`, as far as they lie before `end`. */
export function* bsonElements(bytes: Uint8Array, from: number, end: number): Generator<BsonElement> {
  if (from + 5 > end) return;
  const limit = Math.min(end, from + int32(bytes, from));
  let at = from + 4;
  for (let count = 0; at < limit && count < MAX_ELEMENTS; count++) {
    const type = bytes[at]!;
    if (type === 0) return;
    const zero = bytes.indexOf(0, at + 1);
    if (zero < 0 || zero >= limit || zero - at > 256) return;
    const value = zero + 1;
    const length = valueLength(bytes, type, value, limit);
    if (length < 0) return;
    if (value + Math.min(length, 8) > end) return;
    yield { type, name: latin1(bytes, at + 1, zero), at: value };
    at = value + length;
  }
}

/** A string value, clipped; undefined for another type. */
export function bsonString(bytes: Uint8Array, element: BsonElement, end: number): string | undefined {
  if (element.type !== BsonType.string) return undefined;
  const length = int32(bytes, element.at) - 1;
  const from = element.at + 4;
  if (length < 0 || from + Math.min(length, 256) > end) return undefined;
  return utf8(bytes, from, from + Math.min(length, 256));
}

export function bsonNumber(bytes: Uint8Array, element: BsonElement): number | undefined {
  const { type, at } = element;
  if (type === BsonType.int32) return int32(bytes, at);
  if (type === BsonType.boolean) return bytes[at];
  if (type === BsonType.int64) return (int32(bytes, at) >>> 0) + int32(bytes, at + 4) * 4294967296;
  if (type !== BsonType.double || at + 8 > bytes.length) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset + at, 8).getFloat64(0, true);
}

const MAX_SHAPE = 1024;

/** The document as JSON with `?` for every value, and no more than the shape: `{"find":"?","filter":{"a":"?"}}`. */
export function bsonShape(bytes: Uint8Array, from: number, end: number, kept: ReadonlySet<string>, depth = 0): string {
  const parts: string[] = [];
  let length = 0;
  for (const element of bsonElements(bytes, from, end)) {
    const { type, name } = element;
    if (depth === 0 && (name === "lsid" || name === "$clusterTime" || name === "$db" || name === "$readPreference"))
      continue;
    let value = '"?"';
    if (type === BsonType.document) value = depth < 4 ? bsonShape(bytes, element.at, end, kept, depth + 1) : "{...}";
    else if (type === BsonType.array) value = depth < 4 ? arrayShape(bytes, element.at, end, kept, depth) : "[...]";
    else if (depth === 0 && kept.has(name)) value = JSON.stringify(bsonString(bytes, element, end) ?? "?");
    const part = `${JSON.stringify(name)}:${value}`;
    length += part.length;
    if (length > MAX_SHAPE) {
      parts.push("...");
      break;
    }
    parts.push(part);
  }
  return `{${parts.join(",")}}`;
}

/** The first element stands for all. */
function arrayShape(bytes: Uint8Array, from: number, end: number, kept: ReadonlySet<string>, depth: number): string {
  for (const { type, at } of bsonElements(bytes, from, end)) {
    return type === BsonType.document ? `[${bsonShape(bytes, at, end, kept, depth + 1)}]` : '["?"]';
  }
  return "[]";
}
