/** Says in the log that events were lost: a metric alone is only seen by who looks for it. */
import type { Log } from "../../log.ts";

/** Loss comes in runs: a line for each reading would bury the rest of the log. */
const INTERVAL_MS = 10_000;

export class LossWarning {
  readonly #log: Log;
  readonly #nowMs: () => number;
  #unsaid = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(log: Log, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** @param events lost since the last call */
  lost(events: number): void {
    this.#unsaid += events;
    if (this.#nowMs() - this.#lastMs >= INTERVAL_MS) this.flush();
  }

  /** What no line has told yet. */
  flush(): void {
    if (this.#unsaid === 0) return;
    this.#log.warn(
      "events were lost, spans of them are missing or incomplete: the host makes more than this process can read; leave " +
        "processes or ports out (include, exclude), or raise ring_buffer_size_bytes where they come in bursts",
      { events: this.#unsaid },
    );
    this.#unsaid = 0;
    this.#lastMs = this.#nowMs();
  }
}
