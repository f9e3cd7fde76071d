/** Fields of a Tars struct in the order of their tags: head byte (tag, type), value. Absent ones read as empty. */
import { ByteReader } from "../byte-reader.ts";

const Type = { int8: 0, int16: 1, int32: 2, int64: 3, text1: 6, text4: 7, map: 8, zero: 12, bytes: 13 } as const;
const MAX_ENTRIES = 64;
const MAX_TEXT = 512;

export class TarsReader {
  readonly #reader: ByteReader;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, position: number, end: number) {
    this.#bytes = bytes;
    this.#reader = new ByteReader(bytes, position, end);
  }

  get failed(): boolean {
    return this.#reader.failed;
  }

  integer(tag: number): number {
    const type = this.#head(tag);
    if (type === undefined || type === Type.zero) return 0;
    if (type === Type.int8) return (this.#reader.uint8() << 24) >> 24;
    if (type === Type.int16) return this.#reader.int16();
    if (type === Type.int32) return this.#reader.int32();
    if (type === Type.int64) return Number(this.#reader.bigint64());
    this.#fail();
    return 0;
  }

  nextIsText(tag: number): boolean {
    const head = this.#bytes[this.#reader.position];
    return head === ((tag << 4) | Type.text1) || head === ((tag << 4) | Type.text4);
  }

  text(tag: number): string {
    const type = this.#head(tag);
    if (type === undefined) return "";
    const length = type === Type.text1 ? this.#reader.uint8() : type === Type.text4 ? this.#reader.uint32() : -1;
    const at = this.#reader.position;
    this.#reader.skip(length);
    return this.failed
      ? ""
      : new ByteReader(this.#bytes, at, at + Math.min(length, MAX_TEXT)).utf8(Math.min(length, MAX_TEXT));
  }

  skipBuffer(tag: number): void {
    if (this.#head(tag) !== Type.bytes) return;
    this.#reader.uint8();
    this.#reader.skip(this.integer(0));
  }

  /** Texts by text; keys in lower case. */
  map(tag: number): Map<string, string> {
    const result = new Map<string, string>();
    if (this.#head(tag) !== Type.map) return result;
    const count = Math.min(this.integer(0), MAX_ENTRIES);
    for (let i = 0; i < count && !this.failed; i++) {
      const key = this.text(0);
      const value = this.text(1);
      if (!this.failed) result.set(key.toLowerCase(), value);
    }
    return result;
  }

  #head(tag: number): number | undefined {
    const byte = this.#bytes[this.#reader.position];
    if (this.failed || this.#reader.remaining === 0 || byte === undefined || byte >> 4 !== tag) return undefined;
    this.#reader.skip(1);
    return byte & 15;
  }

  #fail(): void {
    this.#reader.skip(this.#reader.remaining + 1);
  }
}
