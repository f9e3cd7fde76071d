/** Protobuf wire format, written in one pass: lengths of messages are filled in behind them. proto3: zeros are not sent. */

const encoder = new TextEncoder();
const INITIAL_BYTES = 1024;
/** Messages inside a row are written with a two-byte length, moved by one where one byte is enough. */
const RESERVED_LENGTH_BYTES = 2;

export class WireWriter {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #position = 0;

  /** A copy of what was written; the writer starts anew. */
  take(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#position);
    this.#position = 0;
    return bytes;
  }

  uint(field: number, value: number): void {
    if (value === 0) return;
    this.#reserve(20);
    this.#varint(field * 8);
    this.#varint(value);
  }

  /** Negative numbers take ten bytes, as everywhere in protobuf. */
  int(field: number, value: number): void {
    if (value >= 0) this.uint(field, value);
    else this.uint64(field, BigInt.asUintN(64, BigInt(value)));
  }

  uint64(field: number, value: bigint): void {
    if (value === 0n) return;
    this.#reserve(20);
    this.#varint(field * 8);
    if (value <= 0xffffffffn) {
      this.#varint(Number(value));
      return;
    }
    let low = Number(value & 0xffffffffn);
    let high = Number((value >> 32n) & 0xffffffffn);
    while (high !== 0) {
      this.#bytes[this.#position++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#varint(low);
  }

  string(field: number, value: string): void {
    if (value !== "") this.repeatedString(field, value);
  }

  /** In a list an empty string counts too. */
  repeatedString(field: number, value: string): void {
    const most = value.length * 3;
    this.#reserve(most + 12);
    this.#varint(field * 8 + 2);
    if (value.length < 128) {
      const start = this.#position + 1;
      let index = 0;
      for (; index < value.length; index++) {
        const code = value.charCodeAt(index);
        if (code >= 0x80) break;
        this.#bytes[start + index] = code;
      }
      if (index === value.length) {
        this.#bytes[this.#position] = index;
        this.#position = start + index;
        return;
      }
    }
    const encoded = encoder.encode(value);
    this.#varint(encoded.length);
    this.#bytes.set(encoded, this.#position);
    this.#position += encoded.length;
  }

  bytes(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.#reserve(value.length + 16);
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#bytes.set(value, this.#position);
    this.#position += value.length;
  }

  /** An empty message is sent too: that it is there may matter. */
  message(field: number, write: () => void): void {
    this.#reserve(16);
    this.#varint(field * 8 + 2);
    const lengthAt = this.#position;
    this.#position += RESERVED_LENGTH_BYTES;
    const start = this.#position;
    write();
    const length = this.#position - start;
    const width = length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : 4;
    this.#reserve(4);
    if (width !== RESERVED_LENGTH_BYTES) {
      this.#bytes.copyWithin(lengthAt + width, start, this.#position);
      this.#position += width - RESERVED_LENGTH_BYTES;
    }
    const end = this.#position;
    this.#position = lengthAt;
    this.#varint(length);
    this.#position = end;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#position++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#position++] = rest;
  }

  #reserve(more: number): void {
    if (this.#position + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#position + more));
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = grown;
  }
}
