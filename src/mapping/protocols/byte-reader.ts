/**
 * A bounds-checked cursor: reading past the end gives zeros and empty texts and sets `failed`, so that a parser
 * checks once, at the end of what it reads, and never throws.
 */
import { latin1, utf8 } from "../latin1.ts";

export class ByteReader {
  #bytes: Uint8Array;
  #end: number;
  position: number;
  failed = false;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.position = position;
    this.#end = Math.min(end, bytes.length);
  }

  get remaining(): number {
    return this.#end - this.position;
  }

  /** @returns where the taken bytes begin, -1 if they are not there */
  take(count: number): number {
    const at = this.position;
    if (count < 0 || at + count > this.#end) {
      this.failed = true;
      this.position = this.#end;
      return -1;
    }
    this.position = at + count;
    return at;
  }

  skip(count: number): void {
    this.take(count);
  }

  uint8(): number {
    const at = this.take(1);
    return at < 0 ? 0 : this.#bytes[at]!;
  }

  uint16(): number {
    const at = this.take(2);
    return at < 0 ? 0 : (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  int16(): number {
    return (this.uint16() << 16) >> 16;
  }

  uint32(): number {
    const at = this.take(4);
    return at < 0 ? 0 : uint32(this.#bytes, at);
  }

  int32(): number {
    return this.uint32() | 0;
  }

  uint16le(): number {
    const at = this.take(2);
    return at < 0 ? 0 : this.#bytes[at]! | (this.#bytes[at + 1]! << 8);
  }

  uint32le(): number {
    const at = this.take(4);
    return at < 0 ? 0 : uint32le(this.#bytes, at);
  }

  int32le(): number {
    return this.uint32le() | 0;
  }

  /** Exact below 2^53. */
  uint64(): number {
    return this.uint32() * 4294967296 + this.uint32();
  }

  bigint64(): bigint {
    const high = BigInt(this.int32());
    return (high << 32n) | BigInt(this.uint32());
  }

  uint64le(): number {
    const low = this.uint32le();
    return this.uint32le() * 4294967296 + low;
  }

  /** LEB128, at most 10 bytes; exact below 2^53. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.uint8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    this.failed = true;
    return 0;
  }

  latin1(length: number): string {
    const at = this.take(length);
    return at < 0 ? "" : latin1(this.#bytes, at, at + length);
  }

  utf8(length: number): string {
    const at = this.take(length);
    return at < 0 ? "" : utf8(this.#bytes, at, at + length);
  }
}

export function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function uint16le(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function uint24le(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
}

export function uint32le(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

export function int16At(bytes: Uint8Array, at: number): number {
  return (uint16(bytes, at) << 16) >> 16;
}
