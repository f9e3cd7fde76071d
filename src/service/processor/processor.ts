import type { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";

/** A step of a pipeline between receivers and exporters. */
export interface Processor {
  /** Component id: `filter/health`. */
  readonly id: string;
  readonly account: StageAccount;
  /** What goes on. Spans are shared with other pipelines: a change is a copy. */
  process(spans: readonly Span[]): readonly Span[];
}
