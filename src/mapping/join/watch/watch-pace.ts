/** Whether a process does more of what is watched by uprobes than that may cost it. */

/** A sixth of a processor: a hand-over between goroutines costs about 6 µs, against `uprobes: off` (bench/uprobes.ts). */
const MOST_PER_SECOND = 20_000;
/** Behind so many calm seconds what these bring may come at once. */
const CALM_SECONDS = 3;

export class WatchPace {
  #sinceNs: number | undefined;
  #since = 0;
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;

  constructor(perSecond = MOST_PER_SECOND, calmSeconds = CALM_SECONDS) {
    this.#perSecond = perSecond;
    this.#burst = perSecond * calmSeconds;
    this.#left = this.#burst;
  }

  /** @param count of them up to now, from wherever it was counted */
  isOver(timestampNs: number, count: number): boolean {
    const elapsedNs = Math.max(0, timestampNs - (this.#sinceNs ?? timestampNs));
    const more = this.#sinceNs === undefined ? 0 : count - this.#since;
    this.#sinceNs = timestampNs;
    this.#since = count;
    this.#left = Math.min(this.#burst, this.#left + (this.#perSecond * elapsedNs) / 1e9) - more;
    if (this.#left >= 0) return false;
    this.#left = this.#burst;
    return true;
  }
}
