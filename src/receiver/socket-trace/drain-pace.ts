/**
 * How long the drain thread rests between two looks at the ring: so long that each finds about as much as is decoded at once, since a
 * look and its message cost as much as some dozen events; up to 50 ms when nothing comes.
 */

const MINIMUM_MS = 1;
/** While anything comes. A program that begins wakes the thread at once. */
const TRICKLE_MS = 20;
const MAXIMUM_MS = 50;
/** Of the ring, what a look should find: a load that grows a hundredfold within one rest finds room. */
const BUSY_SHARE = 1 / 256;
/** When nothing has come for so long, nothing waits for its time either: spans have settled, batches have left. */
const QUIET_LOOKS = 400;
/** Then only one look in so many is told: an idle host wakes the decoding thread 4 times a second, not 20. */
const TOLD_LOOKS = 5;

export class DrainPace {
  readonly #busyBytes: number;
  #restMs = MINIMUM_MS;
  #emptyLooks = 0;

  constructor(ringSizeBytes: number) {
    this.#busyBytes = ringSizeBytes * BUSY_SHARE;
  }

  /** @param foundBytes by the look that just ended @returns how long to rest, ms */
  next(foundBytes: number): number {
    this.#emptyLooks = foundBytes === 0 ? this.#emptyLooks + 1 : 0;
    if (foundBytes === 0) this.#restMs = Math.min(this.#restMs * 2, MAXIMUM_MS);
    else this.#restMs = Math.max(MINIMUM_MS, Math.min((this.#restMs * this.#busyBytes) / foundBytes, TRICKLE_MS));
    return Math.round(this.#restMs);
  }

  /** Whether the decoding thread has to know of a look that finds nothing. */
  get isTold(): boolean {
    return this.#emptyLooks < QUIET_LOOKS || this.#emptyLooks % TOLD_LOOKS === 0;
  }

  /** While records come in a trickle, waiting on the descriptor would wake for each: only a timer spares that. */
  isBusy(foundBytes: number): boolean {
    return foundBytes > this.#busyBytes;
  }
}
