/** Protocol Buffers (protobuf.dev/programming-guides/encoding) without a schema: the fields of one message, in order. */
import { ByteReader } from "./byte-reader.ts";

export interface ProtobufField {
  readonly number: number;
  /** 0: varint, 1: 8 bytes, 2: bytes, 5: 4 bytes. */
  readonly wireType: number;
  /** Varints: exact below 2^53. */
  readonly value: number;
  /** Where its content lies. */
  readonly start: number;
  readonly end: number;
}

/** @returns the fields in [from, to) as far as they are whole; undefined where the bytes are no such message */
export function protobufFields(bytes: Uint8Array, from: number, to: number): ProtobufField[] | undefined {
  const reader = new ByteReader(bytes, from, to);
  const fields: ProtobufField[] = [];
  while (reader.remaining > 0 && fields.length < 256) {
    const key = reader.varint();
    const number = Math.floor(key / 8);
    const wireType = key % 8;
    if (reader.failed || number < 1 || number > 536_870_911) return undefined;
    let start = reader.position;
    let value = 0;
    if (wireType === 0) value = reader.varint();
    else if (wireType === 1) reader.skip(8);
    else if (wireType === 5) reader.skip(4);
    else if (wireType === 2) {
      const length = reader.varint();
      start = reader.position;
      reader.skip(length);
    } else return undefined;
    if (reader.failed) return fields;
    fields.push({ number, wireType, value, start, end: reader.position });
  }
  return fields;
}
