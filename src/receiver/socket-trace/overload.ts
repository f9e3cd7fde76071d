/**
 * When capture is paused: the host makes more than the decoder can read, for longer than the buffers last. Losing every other event
 * would leave hardly a whole exchange. So all buffers are decoded first, while calls make no events and cost the traced programs
 * next to nothing; what comes then is whole again.
 */

interface Backlog {
  /** Still in the ring. */
  readonly pendingBytes: number;
  /** No buffer is free, and no more may be made. */
  readonly isFull: boolean;
  /** The decoder has next to nothing before it. */
  readonly isSmall: boolean;
}

export class Overload {
  readonly #limitBytes: number;
  #sinceNs: number | undefined;

  constructor(ringSizeBytes: number) {
    // What comes between two looks finds room in the other half.
    this.#limitBytes = ringSizeBytes / 2;
  }

  get isPaused(): boolean {
    return this.#sinceNs !== undefined;
  }

  /** @returns since when capture was paused, where it is to go on now */
  look({ pendingBytes, isFull, isSmall }: Backlog, nowNs: number): number | undefined {
    if (this.#sinceNs === undefined) {
      if (isFull && pendingBytes >= this.#limitBytes) this.#sinceNs = nowNs;
      return undefined;
    }
    // An empty ring: what was told before lies in buffers, all of it ahead of whatever is said now.
    if (!isSmall || pendingBytes > 0) return undefined;
    const sinceNs = this.#sinceNs;
    this.#sinceNs = undefined;
    return sinceNs;
  }
}
