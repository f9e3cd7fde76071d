/** What workers that begin with the same function have taught of what is handed to them and back. */
const PROVEN = 16;
const MAX_CREDIT = 256;
const FIRST_COST = 64;
const MAX_COST = 4096;

export class PoolCredit {
  #credit = 0;
  #cost = FIRST_COST;
  /** All that requests have handed over came by channels without a buffer: no job begins unseen. */
  isExact = true;

  /** Whoever had handed the job over got something back. */
  agrees(): void {
    this.#credit = Math.min(MAX_CREDIT, this.#credit + 1);
  }

  /** Somebody else did, or several: each time costs twice the time before. */
  differs(): void {
    this.#credit = Math.max(-MAX_COST, this.#credit - this.#cost);
    this.#cost = Math.min(MAX_COST, this.#cost * 2);
  }

  /** One end of a job is enough to know whose it is. */
  get isProven(): boolean {
    return this.#credit >= PROVEN;
  }
}
