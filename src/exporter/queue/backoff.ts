import type { RetrySettings } from "../settings/retry-on-failure.ts";

/** How long to wait before the next attempt of one request (retry_on_failure). Knows no clock: the caller says what has passed. */
export class Backoff {
  readonly #settings: RetrySettings;
  readonly #random: () => number;
  #intervalMs: number;

  constructor(settings: RetrySettings, random: () => number = Math.random) {
    this.#settings = settings;
    this.#random = random;
    this.#intervalMs = settings.initial_interval;
  }

  /** Undefined when there is to be no further attempt. A delay that the server asks for is never undercut. */
  next(elapsedMs: number, serverDelayMs: number | undefined): number | undefined {
    const { enabled, multiplier, max_interval, max_elapsed_time, randomization_factor } = this.#settings;
    if (!enabled) return undefined;
    const spread = randomization_factor * (2 * this.#random() - 1);
    const delayMs = Math.max(this.#intervalMs * (1 + spread), serverDelayMs ?? 0);
    this.#intervalMs = Math.min(this.#intervalMs * multiplier, max_interval);
    if (max_elapsed_time > 0 && elapsedMs + delayMs > max_elapsed_time) return undefined;
    return delayMs;
  }
}
