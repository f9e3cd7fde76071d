/**
 * A protobuf wire writer that fills its buffer from the end. A nested message is preceded by its length, so when the
 * last field is written first every length is known: one pass, no size estimate, nothing moved.
 * Fields, and the items of a repeated field, are therefore written in reverse order.
 */
export class ReverseWriter {
  #buffer: Uint8Array;
  #view: DataView;
  /** Start of what is written. */
  #position: number;

  constructor(initialSizeBytes = 65_536) {
    this.#buffer = new Uint8Array(initialSizeBytes);
    this.#view = new DataView(this.#buffer.buffer);
    this.#position = initialSizeBytes;
  }

  /** Bytes written so far; the difference of two is the length of what was written between. */
  get length(): number {
    return this.#buffer.length - this.#position;
  }

  /** Forgets everything and keeps the buffer, unless it is one that a giant has left. */
  clear(): void {
    if (this.#buffer.length > KEPT_SIZE_BYTES) this.#allocate(KEPT_SIZE_BYTES);
    this.#position = this.#buffer.length;
  }

  /** A copy of the bytes from `from` (0: the last byte that was written) to `to`. */
  slice(from = 0, to = this.length): Uint8Array {
    return this.#buffer.slice(this.#position + from, this.#position + to);
  }

  /** The same without a copy: valid until something is written. */
  view(from = 0, to = this.length): Uint8Array {
    return this.#buffer.subarray(this.#position + from, this.#position + to);
  }

  /** Takes back the bytes that were written last. */
  drop(count: number): void {
    this.#position += count;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[--this.#position] = value;
  }

  /** An unsigned integer up to 2^53. */
  varint(value: number): void {
    if (value < 0x80) {
      this.byte(value);
      return;
    }
    this.#reserve(8);
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    this.#position -= size;
    let at = this.#position;
    let rest = value;
    while (rest >= 0x80) {
      // `% 0x80` and not `& 0x7f`: a bit operation would cut the value to 32 bits.
      this.#buffer[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[at] = rest;
  }

  /** An int64: two's complement, so a negative one takes ten bytes. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    const bytes: number[] = [];
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.#reserve(bytes.length);
    this.#position -= bytes.length;
    this.#buffer.set(bytes, this.#position);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#position -= 4;
    this.#view.setUint32(this.#position, value, true);
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#position -= 8;
    this.#view.setBigUint64(this.#position, value, true);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#position -= 8;
    this.#view.setFloat64(this.#position, value, true);
  }

  bytes(value: Uint8Array): void {
    const length = value.length;
    this.#reserve(length);
    this.#position -= length;
    if (length > 48) {
      this.#buffer.set(value, this.#position);
      return;
    }
    // Below some dozens of bytes a loop is cheaper than the call.
    const buffer = this.#buffer;
    for (let i = 0, at = this.#position; i < length; i++, at++) buffer[at] = value[i]!;
  }

  /** The bytes from `from` to `to` (former lengths) once more. */
  repeat(from: number, to: number): void {
    const length = to - from;
    this.#reserve(length);
    const source = this.#buffer.length - to;
    this.#position -= length;
    this.#buffer.copyWithin(this.#position, source, source + length);
  }

  /** UTF-8, without a length; what is no character (a lone surrogate) becomes U+FFFD, as protobuf strings must be UTF-8. */
  utf8(text: string): void {
    const length = text.length;
    if (length > 64) {
      this.#longUtf8(text);
      return;
    }
    this.#reserve(length);
    const start = this.#position - length;
    const buffer = this.#buffer;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.#longUtf8(text);
        return;
      }
      buffer[start + i] = code;
    }
    this.#position = start;
  }

  /** Hexadecimal digits as bytes; digits that are none count as 0, the caller checks ids. */
  hex(digits: string): void {
    const size = digits.length >> 1;
    this.#reserve(size);
    const buffer = this.#buffer;
    let at = this.#position - size;
    this.#position = at;
    for (let i = 0; i < size * 2; i += 2) {
      const high = HEX_VALUE[digits.charCodeAt(i) & 0x7f]!;
      const low = HEX_VALUE[digits.charCodeAt(i + 1) & 0x7f]!;
      buffer[at++] = (high << 4) | low;
    }
  }

  /** Tag and length in front of everything that was written since `mark` (a former `length`). */
  prefix(tag: number, mark: number): void {
    this.varint(this.length - mark);
    this.varint(tag);
  }

  #longUtf8(text: string): void {
    const most = text.length * 3;
    this.#reserve(most);
    // The free part in front is the scratch; the bytes then move to where they belong.
    const { written } = textEncoder.encodeInto(text, this.#buffer.subarray(0, most));
    this.#position -= written;
    this.#buffer.copyWithin(this.#position, 0, written);
  }

  #reserve(size: number): void {
    if (this.#position >= size) return;
    const written = this.#buffer.subarray(this.#position);
    this.#allocate(Math.max(this.#buffer.length * 2, written.length + size));
    this.#position = this.#buffer.length - written.length;
    this.#buffer.set(written, this.#position);
  }

  #allocate(sizeBytes: number): void {
    this.#buffer = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }
}

const KEPT_SIZE_BYTES = 8 * 1_048_576;

const textEncoder = new TextEncoder();

const HEX_VALUE = new Uint8Array(128);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  HEX_VALUE[digit.charCodeAt(0)] = value;
  HEX_VALUE[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The tag of a field (protobuf encoding guide, "Message Structure"). */
export function tag(field: number, wireType: WireType): number {
  return (field << 3) | wireType;
}

export const WireType = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;
export type WireType = (typeof WireType)[keyof typeof WireType];
