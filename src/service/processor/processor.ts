import type { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";

/** A step of a pipeline between receivers and exporters. */
export interface Processor {
  /** Component id: `filter/health`. */
  readonly id: string;
  readonly account: StageAccount;
  /** What goes on now. Spans are shared with other pipelines: a change is a copy. */
  process(spans: readonly Span[]): readonly Span[];
  /** For a processor that holds spans: where they go later. */
  connect?(next: (spans: readonly Span[]) => void): void;
  /** What is held goes on now: no more will come. */
  flush?(): void;
}
