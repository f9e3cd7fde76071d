/**
 * batch: holds spans for a moment, so that those of one trace arrive together (a trace on the terminal is one tree).
 * Requests are put together by the exporters' own queues (sending_queue.batch).
 */
import { z } from "zod";
import { durationMs } from "../../config-value.ts";
import { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";
import type { Processor } from "./processor.ts";

export const batchSettings = z
  .strictObject({
    /** From the first span of a batch; 0 holds none. */
    timeout: durationMs().prefault("200ms"),
    send_batch_size: z.int().positive().default(8192),
    /** 0: no limit. */
    send_batch_max_size: z.int().nonnegative().default(0),
  })
  .refine(({ send_batch_size, send_batch_max_size: max }) => max === 0 || max >= send_batch_size, {
    path: ["send_batch_max_size"],
    message: "below send_batch_size",
  });

export type BatchSettings = z.output<typeof batchSettings>;

export class BatchProcessor implements Processor {
  readonly id: string;
  readonly account: StageAccount;
  readonly #settings: BatchSettings;
  #held: Span[] = [];
  #timer: NodeJS.Timeout | undefined;
  #next: (spans: readonly Span[]) => void = () => {};

  constructor(id: string, settings: BatchSettings) {
    this.id = id;
    this.account = new StageAccount(`processor/${id}`, "spans");
    this.#settings = settings;
  }

  connect(next: (spans: readonly Span[]) => void): void {
    this.#next = next;
  }

  process(spans: readonly Span[]): readonly Span[] {
    this.account.addIn(spans.length);
    for (const span of spans) this.#held.push(span);
    const { timeout, send_batch_size: size } = this.#settings;
    if (timeout === 0 || this.#held.length >= size) this.flush();
    // A shutdown flushes; the timer alone need not keep the process.
    else this.#timer ??= setTimeout(() => this.flush(), timeout).unref();
    return [];
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#held;
    this.#held = [];
    const size = this.#settings.send_batch_max_size || batch.length;
    for (let from = 0; from < batch.length; from += size) {
      const part = batch.slice(from, from + size);
      this.account.addOut(part.length);
      this.#next(part);
    }
  }
}
