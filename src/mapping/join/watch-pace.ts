/** Whether a process does more of what is watched by uprobes than that may cost it. */

/** A sixth of a processor: a hand-over between goroutines costs about 6 µs, against `uprobes: off` (bench/uprobes.ts). */
const MOST_PER_SECOND = 20_000;
const WINDOW_NS = 500_000_000;

export class WatchPace {
  #sinceNs: number | undefined;
  #since = 0;

  /** @param count of them up to now, from wherever it was counted */
  isOver(timestampNs: number, count: number): boolean {
    const isFirst = this.#sinceNs === undefined;
    const elapsedNs = timestampNs - (this.#sinceNs ?? timestampNs);
    if (!isFirst && elapsedNs < WINDOW_NS) return false;
    const more = count - this.#since;
    this.#sinceNs = timestampNs;
    this.#since = count;
    return !isFirst && more > (MOST_PER_SECOND * elapsedNs) / 1e9;
  }
}
