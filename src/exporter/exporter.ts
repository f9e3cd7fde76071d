import type { StageAccount } from "../mapping/account.ts";
import type { Span } from "../mapping/span.ts";

/** The end of a pipeline. All share one queue and retry (queue.ts); a sender only encodes and sends. */
export interface TraceExporter {
  /** Component id: `otlp_grpc`, `debug/short`. */
  readonly id: string;
  readonly account: StageAccount;
  start(): Promise<void>;
  /** Takes the spans or counts them lost; never blocks, never throws. */
  consume(spans: readonly Span[]): void;
  /** Sends what is queued, until the deadline; counts the rest as lost. */
  shutdown(deadlineMs: number): Promise<void>;
}
