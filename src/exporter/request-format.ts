import type { Span } from "../mapping/span.ts";
import type { QueuedRequest } from "./send-outcome.ts";

/** How spans become requests. */
export interface RequestFormat<Body> {
  open(): OpenBatch<Body>;
  /** Two requests with half of the spans each; undefined when there is only one span. */
  halve(request: QueuedRequest<Body>): readonly [QueuedRequest<Body>, QueuedRequest<Body>] | undefined;
}

/** A batch that still grows. */
export interface OpenBatch<Body> {
  readonly spanCount: number;
  /** Of one request with all of them; may be an estimate. */
  readonly sizeBytes: number;
  add(spans: readonly Span[]): void;
  /** As few requests as `maxSizeBytes` allows; the batch is empty then. */
  finish(maxSizeBytes: number): QueuedRequest<Body>[];
}
