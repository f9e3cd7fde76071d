/** A cursor for Kafka's types, which are written in two ways: plain and, in flexible versions, compact. */
import { ByteReader } from "../byte-reader.ts";

export class KafkaReader extends ByteReader {
  readonly isFlexible: boolean;

  constructor(bytes: Uint8Array, position: number, end: number, isFlexible: boolean) {
    super(bytes, position, end);
    this.isFlexible = isFlexible;
  }

  /** Of a string, nullable or not; -1: null. */
  #length(): number {
    return this.isFlexible ? this.varint() - 1 : this.int16();
  }

  string(): string | undefined {
    const length = this.#length();
    if (length < 0) return undefined;
    if (length > 32_767) {
      this.failed = true;
      return undefined;
    }
    const text = this.utf8(length);
    return text.length > 249 ? text.slice(0, 249) : text;
  }

  /** How many elements follow; an absurd number fails. */
  array(): number {
    const count = this.isFlexible ? this.varint() - 1 : this.int32();
    if (count > 1_000_000) this.failed = true;
    return Math.max(0, count);
  }

  /** Length of the bytes that follow. */
  bytesLength(): number {
    return Math.max(0, this.isFlexible ? this.varint() - 1 : this.int32());
  }

  uuid(): string {
    return `${this.uint32().toString(16)}-${this.uint32().toString(16)}-${this.uint32().toString(16)}-${this.uint32().toString(16)}`;
  }

  /** Tagged fields (KIP-482). */
  tags(): void {
    if (!this.isFlexible) return;
    const count = this.varint();
    for (let i = 0; i < count && !this.failed && i < 64; i++) {
      this.varint();
      this.skip(this.varint());
    }
  }

  /** Zigzag, as records are written. */
  signedVarint(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
