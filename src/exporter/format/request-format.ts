import type { Span } from "../../mapping/span.ts";
import type { QueuedRequest } from "../queue/send-outcome.ts";

/** How items (spans, profiles) become requests. */
export interface RequestFormat<Body, Item = Span> {
  readonly stored: StoredForm<Body>;
  open(): OpenBatch<Body, Item>;
  /** Two requests with half of the items each; undefined when nothing can be cut. */
  halve(request: QueuedRequest<Body>): readonly [QueuedRequest<Body>, QueuedRequest<Body>] | undefined;
}

/** How a request lies on a disk. */
export interface StoredForm<Body> {
  /** Changes when the bytes mean something else: what was stored under another name is not read as this one. */
  readonly name: string;
  toBytes(body: Body): Uint8Array;
  /** @throws Error when these are no such bytes */
  fromBytes(bytes: Uint8Array): Body;
}

/** The body as it is. */
export function bytesForm(name: string): StoredForm<Uint8Array> {
  return { name, toBytes: (body) => body, fromBytes: (bytes) => bytes };
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
