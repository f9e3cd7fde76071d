/**
 * HPACK (RFC 7541), one direction of a connection. A connection that is picked up in its middle has a dynamic table
 * of which nothing is known: entries that were put in before are unknown slots, and a field that names one is
 * unknown, never wrong. Entries are told apart by their distance from the newest one, so that those which come later
 * are known all the same.
 *
 * Bound: MAX_TABLE_BYTES of names and values, counted as RFC 7541 4.1 counts.
 */
import { latin1 } from "../../latin1.ts";
import { decodeHuffman } from "./hpack-huffman.ts";
import { STATIC_TABLE } from "./hpack-static.ts";

export interface HeaderField {
  /** Lower case; undefined: unknown. */
  readonly name: string | undefined;
  readonly value: string | undefined;
}

const UNKNOWN_FIELD: HeaderField = { name: undefined, value: undefined };
/** Tables of Chromium are this large; a larger one is rare, and then old entries are unknown. */
const MAX_TABLE_BYTES = 65_536;
const ENTRY_OVERHEAD_BYTES = 32;

export class HpackDecoder {
  /** Newest last. */
  #entries: HeaderField[] = [];
  #first = 0;
  #bytes = 0;
  /** Every entry of the table was seen: an index beyond it is an error. */
  #isComplete: boolean;
  #at = 0;
  #bytesIn: Uint8Array = new Uint8Array(0);
  #end = 0;
  #failed = false;

  constructor(isComplete: boolean) {
    this.#isComplete = isComplete;
  }

  /** Header blocks were lost: what they put into the table is not known. */
  forget(): void {
    this.#entries = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#isComplete = false;
  }

  /** @returns the fields, undefined: no header block */
  decode(bytes: Uint8Array, from: number, to: number): HeaderField[] | undefined {
    this.#bytesIn = bytes;
    this.#at = from;
    this.#end = to;
    this.#failed = false;
    const fields: HeaderField[] = [];
    while (this.#at < to && !this.#failed) {
      const first = bytes[this.#at]!;
      if (first >= 0x80) {
        const index = this.#integer(7);
        if (index === 0) this.#failed = true;
        fields.push(this.#field(index));
      } else if (first >= 0x40) {
        const field = this.#literal(6);
        this.#insert(field);
        fields.push(field);
      } else if (first >= 0x20) {
        this.#resize(this.#integer(5));
      } else {
        fields.push(this.#literal(4));
      }
    }
    this.#bytesIn = STATIC_BYTES;
    return this.#failed ? undefined : fields;
  }

  /** RFC 7541 5.1 */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#bytesIn[this.#at++]! & mask;
    if (value < mask) return value;
    let scale = 1;
    for (let i = 0; i < 5; i++) {
      if (this.#at >= this.#end) break;
      const byte = this.#bytesIn[this.#at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    this.#failed = true;
    return 0;
  }

  #field(index: number): HeaderField {
    if (index < STATIC_TABLE.length) return STATIC_TABLE[index]!;
    const entry = this.#entries[this.#entries.length - 1 - (index - STATIC_TABLE.length)];
    if (entry !== undefined && this.#entries.length - 1 - (index - STATIC_TABLE.length) >= this.#first) return entry;
    if (this.#isComplete) this.#failed = true;
    return UNKNOWN_FIELD;
  }

  #literal(prefixBits: number): HeaderField {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#field(index).name;
    return { name, value: this.#string() };
  }

  #string(): string {
    if (this.#at >= this.#end) {
      this.#failed = true;
      return "";
    }
    const isHuffman = this.#bytesIn[this.#at]! >= 0x80;
    const length = this.#integer(7);
    const from = this.#at;
    if (from + length > this.#end) {
      this.#failed = true;
      return "";
    }
    this.#at = from + length;
    if (!isHuffman) return latin1(this.#bytesIn, from, from + length);
    const text = decodeHuffman(this.#bytesIn, from, from + length);
    if (text === undefined) this.#failed = true;
    return text ?? "";
  }

  #insert(field: HeaderField): void {
    this.#entries.push(field);
    this.#bytes += sizeOf(field);
    this.#evict(MAX_TABLE_BYTES);
  }

  /**
   * Only a change to nothing is followed: a valid encoder never names what it has evicted, so keeping entries too
   * long does no harm, and their true sizes need not be known.
   */
  #resize(size: number): void {
    if (size === 0) {
      this.#entries = [];
      this.#first = 0;
      this.#bytes = 0;
      this.#isComplete = true;
    } else if (size > MAX_TABLE_BYTES) this.#isComplete = false;
  }

  #evict(limit: number): void {
    while (this.#bytes > limit && this.#first < this.#entries.length) {
      this.#bytes -= sizeOf(this.#entries[this.#first]!);
      this.#first++;
      this.#isComplete = false;
    }
    if (this.#first > 256) {
      this.#entries.splice(0, this.#first);
      this.#first = 0;
    }
  }
}

const STATIC_BYTES = new Uint8Array(0);

function sizeOf(field: HeaderField): number {
  return (field.name?.length ?? 0) + (field.value?.length ?? 0) + ENTRY_OVERHEAD_BYTES;
}
