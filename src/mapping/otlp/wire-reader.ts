import { WireType } from "./reverse-writer.ts";

/** One field of a protobuf message. `bytes` is a view for length-delimited fields, `value` the number of a varint. */
export interface WireField {
  readonly field: number;
  readonly wireType: number;
  readonly value: bigint;
  readonly bytes: Uint8Array;
  /** Where the field's tag begins and where the field ends, in the message. */
  readonly start: number;
  readonly end: number;
}

/** The fields of a message in order. Servers send what they like: it stops at the first byte that makes no sense. */
export function* readFields(message: Uint8Array): Generator<WireField> {
  let at = 0;
  while (at < message.length) {
    const start = at;
    const key = readNumber(message, at);
    if (key === undefined) return;
    at = key.end;
    const wireType = key.value % 8;
    const field = Math.floor(key.value / 8);
    let value = 0n;
    let bytes: Uint8Array = EMPTY;
    switch (wireType) {
      case WireType.varint: {
        const varint = readShortVarint(message, at) ?? readLongVarint(message, at);
        if (varint === undefined) return;
        value = typeof varint.value === "bigint" ? varint.value : BigInt(varint.value);
        at = varint.end;
        break;
      }
      case WireType.lengthDelimited: {
        const length = readNumber(message, at);
        if (length === undefined || length.value > message.length - length.end) return;
        at = length.end + length.value;
        bytes = message.subarray(length.end, at);
        break;
      }
      case WireType.fixed64:
        at += 8;
        break;
      case WireType.fixed32:
        at += 4;
        break;
      default:
        return;
    }
    if (at > message.length) return;
    yield { field, wireType, value, bytes, start, end: at };
  }
}

/** Signed reading of an int32 or int64 varint. */
export function asInt64(value: bigint): number {
  return Number(BigInt.asIntN(64, value));
}

export function asText(bytes: Uint8Array): string {
  return textDecoder.decode(bytes);
}

/** A tag or a length: short, but a writer may leave room for more bytes than it needs. */
function readNumber(message: Uint8Array, from: number): { value: number; end: number } | undefined {
  const short = readShortVarint(message, from);
  if (short !== undefined) return short;
  const long = readLongVarint(message, from);
  return long === undefined ? undefined : { value: Number(long.value), end: long.end };
}

/** Of at most four bytes; undefined: it is longer, or cut. */
function readShortVarint(message: Uint8Array, from: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = message[from + i];
    if (byte === undefined) return undefined;
    value |= (byte & 0x7f) << (i * 7);
    if (byte < 0x80) return { value, end: from + i + 1 };
  }
  return undefined;
}

function readLongVarint(message: Uint8Array, from: number): { value: bigint; end: number } | undefined {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = message[from + i];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << BigInt(i * 7);
    if (byte < 0x80) return { value, end: from + i + 1 };
  }
  return undefined;
}

const EMPTY = new Uint8Array(0);
const textDecoder = new TextDecoder();
