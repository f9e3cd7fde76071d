/** Pieces of a file, joined so that a record that is split over two of them is seen whole. */
export class RecordBuffer {
  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;
  /** File offset of #bytes[0]. */
  #base = 0;

  push(chunk: Uint8Array): void {
    const rest = this.#bytes.length - this.#position;
    this.#base += this.#position;
    if (rest === 0) {
      this.#bytes = chunk;
    } else {
      const joined = new Uint8Array(rest + chunk.length);
      joined.set(this.#bytes.subarray(this.#position));
      joined.set(chunk, rest);
      this.#bytes = joined;
    }
    this.#position = 0;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Index in `bytes` of what is not consumed yet. */
  get position(): number {
    return this.#position;
  }

  get available(): number {
    return this.#bytes.length - this.#position;
  }

  /** File offset of what is not consumed yet. */
  get fileOffset(): number {
    return this.#base + this.#position;
  }

  consume(count: number): void {
    this.#position += count;
  }

  uint16(at: number, littleEndian: boolean): number {
    const i = this.#position + at;
    const a = this.#bytes[i]!;
    const b = this.#bytes[i + 1]!;
    return littleEndian ? a | (b << 8) : (a << 8) | b;
  }

  uint32(at: number, littleEndian: boolean): number {
    const i = this.#position + at;
    const bytes = this.#bytes;
    return littleEndian
      ? (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)) >>> 0
      : ((bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!) >>> 0;
  }
}
