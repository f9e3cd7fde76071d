/** How long the drain thread rests between two looks at the ring: 1 ms under load, up to 50 ms when nothing comes. */

const MINIMUM_MS = 1;
const MAXIMUM_MS = 50;
/** A look that finds more than this much of the ring comes often enough only at the shortest rest. */
const BUSY_SHARE = 1 / 256;

export class DrainPace {
  readonly #busyBytes: number;
  #restMs = MINIMUM_MS;

  constructor(ringSizeBytes: number) {
    this.#busyBytes = ringSizeBytes * BUSY_SHARE;
  }

  /** @param foundBytes by the look that just ended @returns how long to rest, ms */
  next(foundBytes: number): number {
    if (foundBytes > this.#busyBytes) this.#restMs = MINIMUM_MS;
    else if (foundBytes === 0) this.#restMs = Math.min(this.#restMs * 2, MAXIMUM_MS);
    else this.#restMs = Math.max(MINIMUM_MS, Math.min(this.#restMs, MAXIMUM_MS / 10));
    return this.#restMs;
  }

  /** While records come in a trickle, waiting on the descriptor would wake for each: only a timer spares that. */
  isBusy(foundBytes: number): boolean {
    return foundBytes > this.#busyBytes;
  }
}
