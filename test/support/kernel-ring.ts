/** A ring buffer as the kernel leaves it, in ordinary memory. */
import { BUSY_BIT, recordSpan } from "../../src/bpf/ring-records.ts";

export const SIZE = 4096;

/** The kernel's side of a ring in ordinary memory; the double mapping is done by writing twice. */
export class FakeKernelRing {
  readonly consumerPosition = new BigInt64Array(1);
  readonly producerPosition = new Int32Array(2);
  readonly data = new ArrayBuffer(2 * SIZE);
  readonly sizeBytes = SIZE;
  #produced = 0;
  readonly #view = new DataView(this.data);

  /** @returns where it lies, or undefined when the ring is full */
  reserve(payload: Uint8Array): number | undefined {
    const span = recordSpan(payload.length);
    if (this.#produced + span - Number(this.consumerPosition[0]) > SIZE) return undefined;
    const at = this.#produced % SIZE;
    this.#word(at, payload.length | BUSY_BIT);
    payload.forEach((byte, i) => {
      for (const place of [(at + 8 + i) % SIZE, ((at + 8 + i) % SIZE) + SIZE]) this.#view.setUint8(place, byte);
    });
    this.#produced += span;
    this.producerPosition[0] = this.#produced | 0;
    return at;
  }

  /** As if this many bytes had gone through it. */
  advanceTo(position: number): void {
    this.consumerPosition[0] = BigInt(position);
    this.producerPosition[0] = position | 0;
    this.#produced = position;
  }

  submit(at: number, lengthBytes: number, flags = 0): void {
    this.#word(at, lengthBytes | flags);
  }

  #word(at: number, word: number): void {
    this.#view.setInt32(at, word, true);
    this.#view.setInt32(at + SIZE, word, true);
  }
}
