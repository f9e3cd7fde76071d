import type { Span } from "../mapping/span.ts";
import type { QueuedRequest } from "./send-outcome.ts";

/** How items (spans, profiles) become requests. */
export interface RequestFormat<Body, Item = Span> {
  open(): OpenBatch<Body, Item>;
  /** Two requests with half of the items each; undefined when nothing can be cut. */
  halve(request: QueuedRequest<Body>): readonly [QueuedRequest<Body>, QueuedRequest<Body>] | undefined;
}

/** A batch that still grows. */
export interface OpenBatch<Body, Item = Span> {
  readonly itemCount: number;
  /** Of one request with all of them; may be an estimate. */
  readonly sizeBytes: number;
  add(items: readonly Item[]): void;
  /** As few requests as `maxSizeBytes` allows; the batch is empty then. */
  finish(maxSizeBytes: number): QueuedRequest<Body>[];
}
