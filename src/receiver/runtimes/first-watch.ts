/**
 * What is watched of a process before its first request, so that this one is seen. For whom Node's async functions go on is told
 * at a cost all the time, so not for long where no request comes that can be read.
 */
import type { Watch, Watched } from "../../mapping/join/watch/watch.ts";

const WITHIN_MS = 60_000;

export class FirstWatch {
  readonly #watch: Watch;
  readonly #withinMs: number;
  readonly #timers = new Map<number, NodeJS.Timeout>();

  constructor(watch: Watch, withinMs = WITHIN_MS) {
    this.#watch = watch;
    this.#withinMs = withinMs;
  }

  begin(tgid: number, what: Watched): void {
    this.#watch(tgid, what, true);
    if (what !== "handovers" || this.#timers.has(tgid)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(tgid);
      this.#watch(tgid, what, false);
    }, this.#withinMs);
    timer.unref();
    this.#timers.set(tgid, timer);
  }

  /** From now on its requests tell whether that is needed; or it is gone. */
  isOver(tgid: number): void {
    clearTimeout(this.#timers.get(tgid));
    this.#timers.delete(tgid);
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
