/** One direction of MySQL's compressed protocol: outer packets of 7 bytes of header hold pieces of the plain stream. */
import { inflateZlib } from "../../compression/inflate.ts";
import { unpackZstd } from "../../compression/zstd.ts";
import { uint24le } from "../byte-reader.ts";
import { INVALID, NEED_MORE } from "../protocol.ts";

const OUTER_HEADER_BYTES = 7;
/** A larger packet's rest is not looked at: its rows are skipped by their lengths. */
const MAX_INFLATED = 1 << 20;
/** zlib, and zstd since 8.0.18: how each begins. */
const ZLIB_START = 0x78;
const ZSTD_START = 0x28;
const EMPTY = new Uint8Array(0);

function isPacked(first: number): boolean {
  return first === ZLIB_START || first === ZSTD_START;
}

export class CompressedStream {
  #plain: Uint8Array = EMPTY;
  /** Plain bytes that belong to what was consumed and have not come yet. */
  #toSkip = 0;

  get view(): Uint8Array {
    return this.#plain;
  }

  /** Takes one outer packet. @returns its length, or NEED_MORE */
  push(bytes: Uint8Array): number {
    if (bytes.length < OUTER_HEADER_BYTES) return NEED_MORE;
    const length = uint24le(bytes, 0);
    const plainLength = uint24le(bytes, 4);
    const total = OUTER_HEADER_BYTES + length;
    if (length === 0) return INVALID;
    if (bytes.length < total) return NEED_MORE;
    const body = bytes.subarray(OUTER_HEADER_BYTES, total);
    if (plainLength === 0) {
      this.#append(body, body.length);
      return total;
    }
    const wanted = Math.min(plainLength, MAX_INFLATED + this.#toSkip);
    const plain = body[0] === ZLIB_START ? inflateZlib(body, wanted) : unpackZstd(body, wanted);
    if (plain === undefined) return INVALID;
    this.#append(plain, plainLength);
    return total;
  }

  consume(count: number): void {
    if (count <= this.#plain.length) {
      this.#plain = this.#plain.subarray(count);
      return;
    }
    this.#toSkip += count - this.#plain.length;
    this.#plain = EMPTY;
  }

  clear(): void {
    this.#plain = EMPTY;
    this.#toSkip = 0;
  }

  isBoundary(bytes: Uint8Array, at: number): boolean {
    if (bytes.length < at + OUTER_HEADER_BYTES + 2) return false;
    const length = uint24le(bytes, at);
    const plainLength = uint24le(bytes, at + 4);
    if (length === 0 || bytes[at + 3]! > 1) return false;
    return plainLength === 0 || (plainLength > length && isPacked(bytes[at + OUTER_HEADER_BYTES]!));
  }

  #append(plain: Uint8Array, wireLength: number): void {
    const skipped = Math.min(this.#toSkip, wireLength);
    this.#toSkip -= skipped;
    const fresh = plain.subarray(Math.min(skipped, plain.length));
    if (fresh.length === 0) return;
    const joined = new Uint8Array(this.#plain.length + fresh.length);
    joined.set(this.#plain);
    joined.set(fresh, this.#plain.length);
    this.#plain = joined.length > 2 * MAX_INFLATED ? EMPTY : joined;
  }
}
