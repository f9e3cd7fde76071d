/**
 * Evidence: the client's end of the same exchange was seen on this host.
 *
 * Proves: the request that this server read is the very bytes that the client sent (both first sequence numbers of the
 * connection and the offset are the same). Can't lie, except where two connections have equal sequence numbers.
 */
import { makeRoom } from "../../../make-room.ts";
import type { TraceNode } from "../trace-node.ts";

const MAX_EARLIER = 1024;

/** Clients' requests that a server on this host may still read, by their offset; of one connection. */
export class SentRequests {
  /** Mostly there is no other. */
  #last: TraceNode | undefined;
  #lastOffset = 0;
  /** Those before the last. */
  #earlier: Map<number, TraceNode> | undefined;

  add(offset: number, node: TraceNode): void {
    if (this.#last !== undefined && this.#lastOffset !== offset) this.#keepEarlier(this.#lastOffset, this.#last);
    this.#last = node;
    this.#lastOffset = offset;
  }

  /** No server on this host will read it any more. */
  delete(offset: number, node: TraceNode): void {
    if (this.#last === node) this.#last = undefined;
    else if (this.#earlier?.get(offset) === node) this.#earlier.delete(offset);
  }

  take(offset: number): TraceNode | undefined {
    const last = this.#last;
    if (last !== undefined && this.#lastOffset === offset) {
      this.#last = undefined;
      return last;
    }
    const node = this.#earlier?.get(offset);
    if (node !== undefined) this.#earlier!.delete(offset);
    return node;
  }

  #keepEarlier(offset: number, node: TraceNode): void {
    this.#earlier ??= new Map();
    // A connection whose server is on another host never asks; the limit holds for long pipelines too.
    makeRoom(this.#earlier, MAX_EARLIER);
    this.#earlier.set(offset, node);
  }
}
