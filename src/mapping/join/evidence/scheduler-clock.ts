/**
 * The scheduler's clock in terms of the events' one. Both count nanoseconds and drift apart slowly, since only one of them
 * follows NTP. A thread that acts has got the processor before, so the largest difference seen is the smallest error.
 */
const WINDOW_NS = 1_000_000_000;

export class SchedulerClock {
  #offsetNs = Number.NEGATIVE_INFINITY;
  #nextOffsetNs = Number.NEGATIVE_INFINITY;
  #windowEndNs = 0;

  /**
   * @param ranNs of some thread, by the scheduler's clock; 0: not known
   * @param actingRanNs of the thread that acts at `timestampNs`
   * @returns no earlier than it was, by microseconds; undefined: not known
   */
  toEvents(ranNs: number, actingRanNs: number, timestampNs: number): number | undefined {
    if (ranNs === 0 || actingRanNs === 0) return undefined;
    const offsetNs = actingRanNs - timestampNs;
    if (timestampNs >= this.#windowEndNs) {
      this.#offsetNs = Math.max(this.#nextOffsetNs, offsetNs);
      this.#nextOffsetNs = offsetNs;
      this.#windowEndNs = timestampNs + WINDOW_NS;
    } else {
      this.#offsetNs = Math.max(this.#offsetNs, offsetNs);
      this.#nextOffsetNs = Math.max(this.#nextOffsetNs, offsetNs);
    }
    return ranNs - this.#offsetNs;
  }
}
