/**
 * Whether answers that carry no id can be told whose they are. Behind a gap on a connection that pipelines nobody knows
 * how many requests were lost in it. What can be seen is when a pause finds all answered: what is asked between two
 * pauses that each follow an answer is answered between them, message for message, and no answer comes before its
 * request. Were a request still open at the first pause, its answer would come first: the pause is longer than the
 * server has let anybody wait.
 */

/** Both ends have paused so long: whoever waited has been answered, or has given up. */
const QUIET_NS = 1_000_000_000;
/** More than the time between the answers of one batch. */
const PAUSE_NS = 2_000_000;
/** So many times what an answer took at most. */
const PAUSE_WAITS = 4;
/** One could agree by chance. */
const ROUNDS = 3;

export class PairingDoubt {
  #isUnsure = false;
  #lastIsAnswer = false;
  /** Before an answer, since the gap. */
  #longestWaitNs = 0;
  /** Rounds in a row that agreed. */
  #agreed = 0;
  /** Requests less answers of this round; undefined: it has begun in the middle, or an answer came first. */
  #open: number | undefined;

  /** Messages were lost. */
  arise(): void {
    this.#isUnsure = true;
    this.#agreed = 0;
    this.#open = undefined;
    this.#lastIsAnswer = false;
    this.#longestWaitNs = 0;
  }

  /**
   * A request without an id begins.
   *
   * @param pauseNs since any message of the connection has begun or ended
   * @returns whether its answer will be known
   */
  asks(pauseNs: number): boolean {
    if (this.#isUnsure) {
      if (pauseNs >= QUIET_NS) this.#isUnsure = false;
      else if (this.#lastIsAnswer && pauseNs >= Math.max(PAUSE_NS, this.#longestWaitNs * PAUSE_WAITS)) this.#endRound();
      if (this.#isUnsure && this.#open !== undefined) this.#open++;
    }
    this.#lastIsAnswer = false;
    return !this.#isUnsure;
  }

  /** An answer without an id begins. @param waitNs since any message of the connection has begun or ended */
  answers(waitNs: number): void {
    this.#lastIsAnswer = true;
    this.#longestWaitNs = Math.max(this.#longestWaitNs, waitNs);
    if (!this.#isUnsure || this.#open === undefined) return;
    this.#open = this.#open > 0 ? this.#open - 1 : undefined;
    if (this.#open === undefined) this.#agreed = 0;
  }

  #endRound(): void {
    this.#agreed = this.#open === 0 ? this.#agreed + 1 : 0;
    this.#open = 0;
    if (this.#agreed >= ROUNDS) this.#isUnsure = false;
  }
}
