/** Bits of Zstandard: headers are read forwards, streams from their last bit backwards (RFC 8878 section 4). */

export class ForwardBits {
  readonly #bytes: Uint8Array;
  #bit: number;

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes;
    this.#bit = from * 8;
  }

  /** At most 25 bits. */
  peek(count: number): number {
    const at = this.#bit >> 3;
    const bytes = this.#bytes;
    const word =
      (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    return (word >>> (this.#bit & 7)) & ((1 << count) - 1);
  }

  skip(count: number): void {
    this.#bit += count;
  }

  read(count: number): number {
    const value = this.peek(count);
    this.#bit += count;
    return value;
  }

  get byteEnd(): number {
    return (this.#bit + 7) >> 3;
  }

  get isBeyond(): boolean {
    return this.byteEnd > this.#bytes.length;
  }
}

/** Below its first bit are zeros. */
export class BackwardBits {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  /** Bits that are left; negative: more was read than is there. */
  left: number;

  /** The highest bit that is set in the last byte marks the end. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    const last = bytes[end - 1] ?? 0;
    this.left = last === 0 || end <= start ? -1 : (end - start) * 8 - (Math.clz32(last) - 23);
  }

  /** At most 31 bits. */
  read(count: number): number {
    let value = 0;
    for (let wanted = count; wanted > 0; ) {
      this.left--;
      const bit = this.left < 0 ? 0 : (this.#bytes[this.#start + (this.left >> 3)]! >> (this.left & 7)) & 1;
      value = value * 2 + bit;
      wanted--;
    }
    return value;
  }

  /** The next bits without taking them. */
  peek(count: number): number {
    const { left } = this;
    const value = this.read(count);
    this.left = left;
    return value;
  }
}
