/** The buffers that the drain thread fills: some are kept, more are made for a burst. */

export class BatchPool {
  readonly #sizeBytes: number;
  readonly #keptCount: number;
  readonly #maxCount: number;
  readonly #free: ArrayBuffer[] = [];
  #count: number;

  constructor(sizeBytes: number, keptCount: number, maxCount: number) {
    this.#sizeBytes = sizeBytes;
    this.#keptCount = keptCount;
    this.#maxCount = maxCount;
    for (let i = 0; i < keptCount; i++) this.#free.push(new ArrayBuffer(sizeBytes));
    this.#count = keptCount;
  }

  get hasRoom(): boolean {
    return this.#free.length > 0 || this.#count < this.#maxCount;
  }

  /** How many are with the decoder. */
  get lentCount(): number {
    return this.#count - this.#free.length;
  }

  /** undefined: all are with the decoder. */
  take(): ArrayBuffer | undefined {
    const buffer = this.#free.pop();
    if (buffer !== undefined || this.#count >= this.#maxCount) return buffer;
    this.#count++;
    return new ArrayBuffer(this.#sizeBytes);
  }

  giveBack(buffer: ArrayBuffer): void {
    if (this.#free.length < this.#keptCount) this.#free.push(buffer);
    else this.#count--;
  }
}
