/**
 * Evidence: the client's end of the same exchange was seen on this host.
 *
 * Proves: the request that this server read is the very bytes that the client sent (both first sequence numbers of the
 * connection and the offset are the same). Can't lie, except where two connections have equal sequence numbers.
 */
import type { TraceNode } from "./trace-node.ts";

/** Clients' requests that a server on this host may still read, by their offset; of one connection. */
export class SentRequests {
  readonly #byOffset = new Map<number, TraceNode>();

  add(offset: number, node: TraceNode): void {
    // A connection whose server is on another host never asks; the limit holds for long pipelines too.
    if (this.#byOffset.size >= 1024) this.#byOffset.delete(this.#byOffset.keys().next().value!);
    this.#byOffset.set(offset, node);
  }

  /** The exchange is over: a server would have read it. */
  delete(offset: number, node: TraceNode): void {
    if (this.#byOffset.get(offset) === node) this.#byOffset.delete(offset);
  }

  take(offset: number): TraceNode | undefined {
    const node = this.#byOffset.get(offset);
    if (node !== undefined) this.#byOffset.delete(offset);
    return node;
  }
}
