/** Whether a process does more of what is watched by uprobes than that may cost it. */

/** A sixth of a processor: a hand-over between goroutines costs about 6 µs, against `uprobes: off` (bench/uprobes.ts). */
const MOST_PER_SECOND = 20_000;
/** Behind three calm seconds: so much may come at once. */
const BURST = 3 * MOST_PER_SECOND;

export class WatchPace {
  #sinceNs: number | undefined;
  #since = 0;
  #left = BURST;

  /** @param count of them up to now, from wherever it was counted */
  isOver(timestampNs: number, count: number): boolean {
    const elapsedNs = Math.max(0, timestampNs - (this.#sinceNs ?? timestampNs));
    const more = this.#sinceNs === undefined ? 0 : count - this.#since;
    this.#sinceNs = timestampNs;
    this.#since = count;
    this.#left = Math.min(BURST, this.#left + (MOST_PER_SECOND * elapsedNs) / 1e9) - more;
    if (this.#left >= 0) return false;
    this.#left = BURST;
    return true;
  }
}
