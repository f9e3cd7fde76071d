/**
 * batch: here so that a Collector's configuration works as it is. Exporters batch by themselves
 * (sending_queue.batch), so spans pass at once and are not held twice; the settings are checked and have no effect.
 */
import { z } from "zod";
import { durationMs } from "../../config-value.ts";
import { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";
import type { Processor } from "./processor.ts";

export const batchSettings = z.strictObject({
  timeout: durationMs().prefault("200ms"),
  send_batch_size: z.int().nonnegative().default(8192),
  send_batch_max_size: z.int().nonnegative().default(0),
});

export class BatchProcessor implements Processor {
  readonly id: string;
  readonly account: StageAccount;

  constructor(id: string) {
    this.id = id;
    this.account = new StageAccount(`processor/${id}`, "spans");
  }

  process(spans: readonly Span[]): readonly Span[] {
    this.account.addIn(spans.length);
    this.account.addOut(spans.length);
    return spans;
  }
}
