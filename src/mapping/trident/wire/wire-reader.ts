/**
 * Protobuf wire format, read without reflection: rows come by the hundred thousand. Malformed bytes set `isBroken`
 * and give zeros from then on; nothing throws.
 */

const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const decoder = new TextDecoder();
/** Below this length, character by character beats the decoder's call. */
const SHORT_STRING_BYTES = 48;
const EMPTY = new Uint8Array(0);
/** One bigint from two halves, without those between. */
const whole = new BigUint64Array(1);
const halves = new Uint32Array(whole.buffer);
const lowHalf = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 0 : 1;

export class WireReader {
  bytes: Uint8Array = EMPTY;
  position = 0;
  end = 0;
  isBroken = false;
  #low = 0;
  #high = 0;

  reset(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.position = 0;
    this.end = bytes.length;
    this.isBroken = false;
  }

  /** Field number shifted by three, with the wire type; 0 at the end. */
  tag(): number {
    return this.position >= this.end ? 0 : this.uint32();
  }

  uint32(): number {
    const { bytes, position } = this;
    const byte = bytes[position] ?? 0;
    if (byte < 0x80 && position < this.end) {
      this.position = position + 1;
      return byte;
    }
    this.#varint();
    return this.#low >>> 0;
  }

  int32(): number {
    this.#varint();
    return this.#low | 0;
  }

  uint64(): bigint {
    this.#varint();
    halves[lowHalf] = this.#low;
    halves[1 - lowHalf] = this.#high;
    return whole[0] as bigint;
  }

  double(): number {
    if (this.position + 8 > this.end) return this.#breakOff();
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.position, 8);
    this.position += 8;
    return view.getFloat64(0, true);
  }

  fixed64(): bigint {
    if (this.position + 8 > this.end) return BigInt(this.#breakOff());
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.position, 8);
    this.position += 8;
    return view.getBigUint64(0, true);
  }

  fixed32(): number {
    if (this.position + 4 > this.end) return this.#breakOff();
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.position, 4);
    this.position += 4;
    return view.getUint32(0, true);
  }

  /** A view on the input, not a copy. */
  view(): Uint8Array {
    const start = this.#lengthPrefixed();
    return this.isBroken ? EMPTY : this.bytes.subarray(start, this.position);
  }

  string(): string {
    const start = this.#lengthPrefixed();
    if (this.isBroken) return "";
    const { bytes, position } = this;
    if (position - start <= SHORT_STRING_BYTES) {
      let text = "";
      for (let index = start; index < position; index++) {
        const byte = bytes[index] as number;
        if (byte >= 0x80) return decoder.decode(bytes.subarray(start, position));
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return decoder.decode(bytes.subarray(start, position));
  }

  /** Enters a message; give the returned end back to `leave`. */
  enter(): number {
    const start = this.#lengthPrefixed();
    const outerEnd = this.end;
    if (this.isBroken) return outerEnd;
    this.end = this.position;
    this.position = start;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.position = this.end;
    this.end = outerEnd;
    if (this.isBroken) this.position = outerEnd;
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case WireType.varint:
        this.#varint();
        return;
      case WireType.fixed64:
        this.position += 8;
        break;
      case WireType.bytes:
        this.#lengthPrefixed();
        return;
      case WireType.fixed32:
        this.position += 4;
        break;
      default:
        this.#breakOff();
        return;
    }
    if (this.position > this.end) this.#breakOff();
  }

  #lengthPrefixed(): number {
    const length = this.uint32();
    const start = this.position;
    if (length > this.end - start) {
      this.#breakOff();
      return start;
    }
    this.position = start + length;
    return start;
  }

  #varint(): void {
    const { bytes, end } = this;
    let position = this.position;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70 && position < end; shift += 7) {
      const byte = bytes[position++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) {
        this.position = position;
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    this.#low = 0;
    this.#high = 0;
    this.#breakOff();
  }

  #breakOff(): number {
    this.isBroken = true;
    this.position = this.end;
    return 0;
  }
}
