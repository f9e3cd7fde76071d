/**
 * Whether a Node process has more microtasks than watching its async functions may cost: each of their waits is one, and
 * takes two uprobes, together about 8 µs (a server with 60 awaits a request, by turns with `uprobes: off`).
 */
import type { EventMeta } from "../event-meta.ts";

/** A sixth of a processor, if all are waits. */
const MOST_PER_SECOND = 20_000;
const WINDOW_NS = 500_000_000;

export class MicrotaskPace {
  #sinceNs: number | undefined;
  #since = 0;

  /** @param meta of an event that says how many of them were over */
  isOver({ timestampNs, causeId }: EventMeta): boolean {
    const elapsedNs = timestampNs - (this.#sinceNs ?? timestampNs);
    if (this.#sinceNs !== undefined && elapsedNs < WINDOW_NS) return false;
    const count = causeId - this.#since;
    const isOver = this.#sinceNs !== undefined && count > (MOST_PER_SECOND * elapsedNs) / 1e9;
    this.#sinceNs = timestampNs;
    this.#since = causeId;
    return isOver;
  }
}
