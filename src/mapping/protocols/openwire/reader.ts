/** Primitive values of OpenWire in both encodings; reading past the end fails and gives nothing. */
import { ByteReader } from "../byte-reader.ts";

export interface OpenwireTraits {
  readonly isTight: boolean;
  readonly isCached: boolean;
  readonly version: number;
}

const MAX_TEXT = 4096;
const MAX_CACHE = 1024;
const MAX_DEPTH = 4;
const MAX_PROPERTIES = 64;
const Data = { queue: 100, lastDestination: 103, messageId: 110, localTransaction: 111, xaTransaction: 112 } as const;
const Id = { connection: 120, session: 121, consumer: 122, producer: 123, broker: 124 } as const;

export class OpenwireReader {
  readonly #bytes: Uint8Array;
  readonly #reader: ByteReader;
  readonly #traits: OpenwireTraits;
  readonly #cache: Map<number, string>;
  /** The bits of the tight encoding, which stand before all values. */
  #bits = 0;
  #bitsEnd = 0;
  #depth = 0;

  constructor(bytes: Uint8Array, from: number, end: number, traits: OpenwireTraits, cache: Map<number, string>) {
    this.#bytes = bytes;
    this.#reader = new ByteReader(bytes, from, end);
    this.#traits = traits;
    this.#cache = cache;
    if (traits.isTight) this.#takeBits();
  }

  get failed(): boolean {
    return this.#reader.failed;
  }

  #takeBits(): void {
    const first = this.#reader.uint8();
    const count = first === 0xc0 ? this.#reader.uint8() : first === 0x80 ? this.#reader.uint16() : first;
    this.#bits = this.#reader.take(count) * 8;
    this.#bitsEnd = this.#bits + count * 8;
  }

  boolean(): boolean {
    if (!this.#traits.isTight) return this.#reader.uint8() !== 0;
    if (this.#bits < 0 || this.#bits >= this.#bitsEnd) {
      this.#reader.skip(this.#reader.remaining + 1);
      return false;
    }
    const byte = this.#bytes[this.#bits >> 3]!;
    return ((byte >> (this.#bits++ & 7)) & 1) === 1;
  }

  int(): number {
    return this.#reader.int32();
  }

  byte(): number {
    return this.#reader.uint8();
  }

  skipLong(): void {
    if (!this.#traits.isTight) {
      this.#reader.skip(8);
      return;
    }
    const isWide = this.boolean();
    const isLong = this.boolean();
    if (isWide) this.#reader.skip(isLong ? 8 : 4);
    else if (isLong) this.#reader.skip(2);
  }

  text(): string | undefined {
    if (!this.boolean()) return undefined;
    // The tight encoding says besides whether it is ASCII alone.
    if (this.#traits.isTight) this.boolean();
    const length = this.#reader.uint16();
    const text = this.#reader.utf8(length);
    return this.failed ? undefined : text.slice(0, MAX_TEXT);
  }

  /** Passes over a sequence of bytes. @returns where it lies */
  sequence(): { readonly start: number; readonly end: number } | undefined {
    if (!this.boolean()) return undefined;
    const length = this.#reader.uint32();
    const start = this.#reader.take(length);
    return start < 0 ? undefined : { start, end: start + length };
  }

  /** A value that is written once and named by its number later. @returns a destination's name */
  cached(): string | undefined {
    if (!this.#traits.isCached) return this.nested();
    const isNew = this.boolean();
    const index = this.#reader.uint16();
    if (!isNew) return this.failed ? undefined : this.#cache.get(index);
    const value = this.nested();
    if (this.failed) return undefined;
    if (value === undefined) this.#cache.delete(index);
    else if (this.#cache.size < MAX_CACHE) this.#cache.set(index, value);
    return value;
  }

  /** The data type of the value that follows; undefined: there is none. */
  nestedType(): number | undefined {
    if (!this.boolean()) return undefined;
    const type = this.#reader.uint8();
    return this.failed ? undefined : type;
  }

  /** A message inside another command may bring its own bits. */
  enterMessage(): void {
    if (!this.#traits.isTight || !this.boolean()) return;
    this.#reader.skip(5);
    this.#takeBits();
  }

  /** @returns a destination's name; other values are passed over */
  nested(): string | undefined {
    const type = this.nestedType();
    if (type === undefined) return undefined;
    if (type >= Data.queue && type <= Data.lastDestination) return this.text();
    if (++this.#depth > MAX_DEPTH || !this.#skipData(type)) this.#reader.skip(this.#reader.remaining + 1);
    this.#depth--;
    return undefined;
  }

  #skipData(type: number): boolean {
    switch (type) {
      case Data.messageId:
        if (this.#traits.version >= 10) this.text();
        this.cached();
        this.skipLong();
        this.skipLong();
        return true;
      case Data.localTransaction:
        this.skipLong();
        this.cached();
        return true;
      case Data.xaTransaction:
        this.int();
        this.sequence();
        this.sequence();
        return true;
      case Id.connection:
      case Id.broker:
        this.text();
        return true;
      case Id.session:
        this.text();
        this.skipLong();
        return true;
      case Id.consumer:
      case Id.producer:
        this.text();
        this.skipLong();
        this.skipLong();
        return true;
      default:
        return false;
    }
  }

  /** A map of primitive values inside a sequence of bytes: its texts, keys in lower case. */
  properties(): Map<string, string> {
    const result = new Map<string, string>();
    const place = this.sequence();
    if (place !== undefined) readMap(new ByteReader(this.#bytes, place.start, place.end), result);
    return result;
  }
}

/** Sizes of the primitive types 0 to 8: null, boolean, byte, char, short, int, long, double, float. */
const SIZES = [0, 1, 1, 2, 2, 4, 8, 8, 4];
const Primitive = { boolean: 1, text: 9, bytes: 10, bigText: 13 } as const;

function readMap(reader: ByteReader, result: Map<string, string>): void {
  const count = Math.min(reader.uint32(), MAX_PROPERTIES);
  for (let i = 0; i < count && !reader.failed; i++) {
    const key = reader.utf8(reader.uint16()).toLowerCase();
    const type = reader.uint8();
    if (type === Primitive.text || type === Primitive.bigText) {
      const value = reader.utf8(type === Primitive.text ? reader.uint16() : reader.uint32());
      if (!reader.failed) result.set(key, value.slice(0, MAX_TEXT));
    } else if (type === Primitive.boolean) {
      result.set(key, String(reader.uint8() !== 0));
    } else if (type === Primitive.bytes) reader.skip(reader.uint32());
    else if (SIZES[type] !== undefined) reader.skip(SIZES[type]);
    else return;
  }
}

/** WireFormatInfo: the magic, the version, and a map of what the end can do. Always in the loose encoding. */
export function readWireFormat(bytes: Uint8Array, from: number, end: number): OpenwireTraits {
  const reader = new ByteReader(bytes, from, end);
  reader.skip(8);
  const version = reader.uint32();
  const options = new Map<string, string>();
  if (reader.uint8() === 1) {
    reader.skip(4);
    readMap(reader, options);
  }
  return {
    isTight: options.get("tightencodingenabled") === "true",
    isCached: options.get("cacheenabled") === "true",
    version,
  };
}
