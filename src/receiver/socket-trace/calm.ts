/** When an overload is over: load that comes and goes would end it each time. */

const CALM_MS = 10_000;

export class Calm {
  readonly #told: (isOverloaded: boolean) => void;
  #isOverloaded = false;
  #sinceMs: number | undefined;

  /** @param told once when it begins, and once when it has been over for a while */
  constructor(told: (isOverloaded: boolean) => void) {
    this.#told = told;
  }

  overloaded(): void {
    this.#sinceMs = undefined;
    if (this.#isOverloaded) return;
    this.#isOverloaded = true;
    this.#told(true);
  }

  caughtUp(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  /** To be called now and then. */
  advance(nowMs: number): void {
    if (!this.#isOverloaded || this.#sinceMs === undefined || nowMs - this.#sinceMs < CALM_MS) return;
    this.#isOverloaded = false;
    this.#told(false);
  }
}
