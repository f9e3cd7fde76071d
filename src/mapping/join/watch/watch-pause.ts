/** For how long nothing is watched of a process by uprobes, once it was too much. */

/** Twice as long each time: until the uprobes are off they cost all that they can. */
const FIRST_PAUSE_NS = 60_000_000_000;
const LONGEST_PAUSE_NS = 3_600_000_000_000;

export class WatchPause {
  #nextNs = FIRST_PAUSE_NS;
  #untilNs = Number.NEGATIVE_INFINITY;

  begin(nowNs: number): void {
    this.#untilNs = nowNs + this.#nextNs;
    this.#nextNs = Math.min(LONGEST_PAUSE_NS, this.#nextNs * 2);
  }

  isAt(nowNs: number): boolean {
    return nowNs < this.#untilNs;
  }
}
