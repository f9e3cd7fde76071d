/** Kafka's primitive types (protocol guide, "Protocol Primitive Types"), as the versions before KIP-482 write them. */
export class WireWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(initialSizeBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(initialSizeBytes);
  }

  /** Valid until something is written. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  int8(value: number): void {
    const at = this.#take(1);
    this.#buffer.writeInt8(value, at);
  }

  int16(value: number): void {
    const at = this.#take(2);
    this.#buffer.writeInt16BE(value, at);
  }

  int32(value: number): void {
    const at = this.#take(4);
    this.#buffer.writeInt32BE(value, at);
  }

  uint32(value: number): void {
    const at = this.#take(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  int64(value: bigint): void {
    const at = this.#take(8);
    this.#buffer.writeBigInt64BE(value, at);
  }

  /** A length of 16 bits, -1 for none. */
  string(value: string | undefined): void {
    if (value === undefined) {
      this.int16(-1);
      return;
    }
    const bytes = Buffer.from(value);
    this.int16(bytes.length);
    this.raw(bytes);
  }

  /** A length of 32 bits. */
  bytes(value: Uint8Array): void {
    this.int32(value.length);
    this.raw(value);
  }

  /** Zigzag, of a number that fits in 31 bits. */
  varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    for (; rest >= 0x80; rest >>>= 7) this.#byte((rest & 0x7f) | 0x80);
    this.#byte(rest);
  }

  /** A varint for the length, -1 for none. */
  varintBytes(value: Uint8Array | undefined): void {
    this.varint(value === undefined ? -1 : value.length);
    if (value !== undefined) this.raw(value);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#take(bytes.length);
    this.#buffer.set(bytes, at);
  }

  #byte(value: number): void {
    const at = this.#take(1);
    this.#buffer[at] = value;
  }

  /** May take another buffer: to be called before `#buffer` is looked at. */
  #take(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return at;
  }
}
