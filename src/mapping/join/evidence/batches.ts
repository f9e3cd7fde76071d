/**
 * Evidence: one read has brought several requests, as many calls went out in its callback, and the call has the place among these
 * that the request has among those (hindsight).
 *
 * Proves: a server handles what it has read one after the other, and a handler runs until it waits before the next one begins.
 * Lies where one calls twice and another one not at all, or first waits for something else. That shows where a call's request is
 * known by the callback in which its answer was read, and in callbacks with more or fewer calls than requests: so nobody is
 * believed before that has been the same 16 times, and a difference costs 64.
 */
import type { Stretch } from "../thread-log.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";

const PROVEN = 16;
const MAX_CREDIT = 64;
const COST_OF_DIFFERENCE = 64;

/** What one process has shown. */
export class Batches {
  readonly #requests = new WeakMap<TraceNode, TraceNode>();
  readonly #calls = new WeakMap<TraceNode, TraceNode>();
  #credit = 0;

  /** A callback is over. */
  ended({ read, calls, connects, isExact, isShared }: Stretch): void {
    if (!isExact || !isShared || !read.every(({ isServer }) => isServer)) return;
    const made = calls.length + connects;
    if (made > 0 && made !== read.length) this.#differed();
    // The first call of a connection goes out when that is open.
    if (calls.length !== read.length || connects > 0) return;
    for (const [index, request] of read.entries()) {
      this.#requests.set(calls[index]!, request);
      this.#calls.set(request, calls[index]!);
    }
  }

  /** The callback that has read the call's answer tells its request. */
  learn(call: TraceNode, served: TraceNode): void {
    const request = this.#requests.get(call);
    if (request === undefined) return;
    if (request === served) this.#credit = Math.min(MAX_CREDIT, this.#credit + 1);
    else this.#differed();
  }

  /** `served` is answered, in `stretch` if that is known. */
  join(served: TraceNode, stretch: Stretch | undefined): void {
    const call = this.#calls.get(served);
    // What is answered with its call's answer is asked that.
    if (call === undefined || !call.isFinished || call.isHeld || stretch?.cause === call) return;
    if (this.#credit >= PROVEN && !served.isDoubtful) decide(call, served, "in_order");
  }

  #differed(): void {
    this.#credit = Math.max(-COST_OF_DIFFERENCE, this.#credit - COST_OF_DIFFERENCE);
  }
}
