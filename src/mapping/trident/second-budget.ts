/** So many units a second and no more. */
export class SecondBudget {
  #startedMs = Number.NEGATIVE_INFINITY;
  #used = 0;

  /** How many of `wanted` may pass now; a limit of 0 is none. */
  take(wanted: number, limit: number, nowMs: number): number {
    if (limit <= 0) return wanted;
    this.#turn(nowMs);
    const passed = Math.max(0, Math.min(wanted, limit - this.#used));
    this.#used += passed;
    return passed;
  }

  /** All or nothing, for what can't be cut: the last one of a second may pass the limit. */
  spend(amount: number, limit: number, nowMs: number): boolean {
    if (limit <= 0) return true;
    this.#turn(nowMs);
    if (this.#used >= limit) return false;
    this.#used += amount;
    return true;
  }

  /** When the next second of the budget begins. */
  waitMs(nowMs: number): number {
    return Math.max(1, this.#startedMs + 1000 - nowMs);
  }

  #turn(nowMs: number): void {
    if (nowMs - this.#startedMs < 1000) return;
    this.#startedMs = nowMs;
    this.#used = 0;
  }
}
