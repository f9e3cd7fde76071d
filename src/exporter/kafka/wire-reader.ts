import { KafkaError, KafkaErrorCode } from "./error.ts";

/** Reads an answer. A broker, or what is none, may send anything: each read is checked. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  string(): string | undefined {
    const length = this.int16();
    return length < 0 ? undefined : this.#slice(length).toString();
  }

  bytes(): Buffer {
    return this.#slice(Math.max(0, this.int32()));
  }

  /** Each item takes at least a byte, so that a count can't be larger than what is left. */
  array<T>(read: () => T): T[] {
    const count = this.int32();
    if (count > this.#bytes.length - this.#at) throw cutShort();
    return Array.from({ length: Math.max(0, count) }, read);
  }

  #slice(length: number): Buffer {
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw cutShort();
    this.#at += size;
    return at;
  }
}

function cutShort(): KafkaError {
  return new KafkaError(KafkaErrorCode.broker, "its answer is cut short");
}
