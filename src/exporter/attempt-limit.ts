/**
 * When one attempt to send ends: by the abort that its caller gives, or by time. With a timer of its own:
 * AbortSignal.any over AbortSignal.timeout may never fire, since nothing holds the latter (nodejs/node issue 57736).
 */
export class AttemptLimit {
  readonly #controller = new AbortController();
  readonly #given: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #abort = () => this.#controller.abort();
  #isOver = false;

  /** @param timeoutMs 0: no limit */
  constructor(given: AbortSignal, timeoutMs: number) {
    this.#given = given;
    if (given.aborted) this.#abort();
    else given.addEventListener("abort", this.#abort, { once: true });
    if (timeoutMs === 0) return;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#abort();
    }, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Its time has passed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The attempt has come to its end. */
  end(): void {
    clearTimeout(this.#timer);
    this.#given.removeEventListener("abort", this.#abort);
  }
}
