/** Heads of Thrift messages in the strict binary, the compact and the THeader form, and the end of a binary struct. */
import { ByteReader } from "../byte-reader.ts";
import { INVALID, NEED_MORE } from "../protocol.ts";

export const ThriftType = { call: 1, reply: 2, exception: 3, oneWay: 4 } as const;

export interface ThriftEnvelope {
  readonly type: number;
  readonly name: string;
  readonly sequence: number;
  readonly isCompact: boolean;
  /** Where the struct begins. */
  readonly end: number;
  readonly properties: ReadonlyMap<string, string> | undefined;
}

const NAME = /^[A-Za-z_][\w.:/$-]*$/;
const MAX_NAME = 256;
const MAX_DEPTH = 16;
const MAX_PROPERTIES = 64;

type Result = ThriftEnvelope | typeof INVALID | typeof NEED_MORE;

function checked(
  reader: ByteReader,
  type: number,
  sequence: number,
  nameBytes: number,
  isCompact: boolean,
  tail: (reader: ByteReader) => number,
): Result {
  if (reader.failed) return NEED_MORE;
  if (type < 1 || type > 4 || nameBytes < 1 || nameBytes > MAX_NAME) return INVALID;
  const name = reader.latin1(Math.min(nameBytes, reader.remaining));
  if (name !== "" && !NAME.test(name)) return INVALID;
  if (name.length < nameBytes) return NEED_MORE;
  const last = tail(reader);
  if (reader.failed) return NEED_MORE;
  return { type, name, sequence: isCompact ? sequence : last, isCompact, end: reader.position, properties: undefined };
}

/** 0x8001, 0, the type; the name; the sequence number. */
export function strictEnvelope(bytes: Uint8Array, at: number): Result {
  for (const [index, byte] of [0x80, 0x01, 0x00].entries()) {
    if (bytes[at + index] !== undefined && bytes[at + index] !== byte) return INVALID;
  }
  const reader = new ByteReader(bytes, at + 3);
  const type = reader.uint8();
  return checked(reader, type, 0, reader.uint32(), false, (rest) => rest.uint32());
}

/** 0x82, the type and version 1, the sequence number, the name. */
export function compactEnvelope(bytes: Uint8Array, at: number): Result {
  const reader = new ByteReader(bytes, at);
  if (reader.uint8() !== 0x82) return reader.failed ? NEED_MORE : INVALID;
  const second = reader.uint8();
  if (!reader.failed && (second & 0x1f) !== 1) return INVALID;
  const sequence = reader.varint() >>> 0;
  return checked(reader, second >> 5, sequence, reader.varint(), true, () => 0);
}

/** THeader: magic, flags, sequence, the header's size in words; protocol, transforms, and maps of texts. */
export function headerEnvelope(bytes: Uint8Array, at: number): Result {
  const reader = new ByteReader(bytes, at);
  if (reader.uint16() !== 0x0fff) return reader.failed ? NEED_MORE : INVALID;
  reader.skip(2);
  const sequence = reader.uint32();
  const payload = reader.uint16() * 4 + reader.position;
  if (reader.failed) return NEED_MORE;
  if (bytes.length < payload) return NEED_MORE;
  const header = new ByteReader(bytes, reader.position, payload);
  const protocol = header.varint();
  const transforms = header.varint();
  // A transformed (compressed) payload can't be read, nor named.
  if (header.failed || transforms !== 0 || (protocol !== 0 && protocol !== 2)) return INVALID;
  const properties = new Map<string, string>();
  while (header.remaining > 0 && !header.failed) {
    const kind = header.varint();
    if (kind !== 1 && kind !== 2) break;
    for (let count = header.varint(); count > 0 && !header.failed && properties.size < MAX_PROPERTIES; count--) {
      const key = header.utf8(header.varint());
      const value = header.utf8(header.varint());
      if (!header.failed) properties.set(key.toLowerCase(), value);
    }
  }
  const inner = protocol === 0 ? strictEnvelope(bytes, payload) : compactEnvelope(bytes, payload);
  return inner === INVALID || inner === NEED_MORE ? inner : { ...inner, sequence, properties };
}

/** Sizes of the binary protocol's types of fixed size: bool, byte, double, i16, i32, i64. */
const SIZES = new Map([
  [2, 1],
  [3, 1],
  [4, 8],
  [6, 2],
  [8, 4],
  [10, 8],
]);
const Type = { stop: 0, text: 11, struct: 12, map: 13, set: 14, list: 15 } as const;

/** Index behind a struct of the binary protocol. */
export function binaryStructEnd(bytes: Uint8Array, at: number): number {
  const reader = new ByteReader(bytes, at);
  const isSound = skipStruct(reader, 0);
  return !isSound ? INVALID : reader.failed ? NEED_MORE : reader.position;
}

function skipStruct(reader: ByteReader, depth: number): boolean {
  for (;;) {
    const type = reader.uint8();
    if (reader.failed || type === Type.stop) return true;
    reader.skip(2);
    if (!skipValue(reader, type, depth)) return false;
  }
}

/** @returns false where the bytes are no value; what is not there yet fails the reader */
function skipValue(reader: ByteReader, type: number, depth: number): boolean {
  const size = SIZES.get(type);
  if (size !== undefined) {
    reader.skip(size);
    return true;
  }
  if (depth > MAX_DEPTH) return false;
  if (type === Type.text) reader.skip(reader.uint32());
  else if (type === Type.struct) return skipStruct(reader, depth + 1);
  else if (type === Type.map || type === Type.set || type === Type.list) {
    const key = type === Type.map ? reader.uint8() : undefined;
    const value = reader.uint8();
    const count = reader.uint32();
    for (let i = 0; i < count && !reader.failed; i++) {
      if (key !== undefined && !skipValue(reader, key, depth + 1)) return false;
      if (!skipValue(reader, value, depth + 1)) return false;
    }
  } else return false;
  return true;
}
