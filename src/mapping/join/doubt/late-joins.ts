/**
 * Joins to requests that are answered already. An event that got lost could have been the read of another request, which
 * the call would be for; that shows a moment later, on one of the connections of the process. So they wait for that long.
 */
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";

const WAIT_NS = 500_000_000;
const MAX_HELD = 16_384;

/** Asked at the end of the wait; absent: nothing else is to be shown. */
type IsShown = (nowNs: number) => boolean;

/** Asked at the end of the wait. */
type FindServed = (nowNs: number) => TraceNode | undefined;

interface Late {
  readonly call: TraceNode;
  readonly evidence: string;
  readonly deadlineNs: number;
  readonly find: FindServed;
  /** What is not shown by now may be after another wait. */
  readonly mayShow: IsShown | undefined;
}

export class LateJoins {
  #held: Late[] = [];

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** @returns false: there is no room */
  hold(
    call: TraceNode,
    served: TraceNode,
    evidence: string,
    nowNs: number,
    isShown: IsShown = () => true,
    mayShow?: IsShown,
  ): boolean {
    return this.holdUntil(call, evidence, nowNs, (endNs) => (isShown(endNs) ? served : undefined), mayShow);
  }

  /** @returns false: there is no room */
  holdUntil(call: TraceNode, evidence: string, nowNs: number, find: FindServed, mayShow?: IsShown): boolean {
    if (this.#held.length >= MAX_HELD) return false;
    call.isHeld = true;
    this.#held.push({ call, evidence, deadlineNs: nowNs + WAIT_NS, find, mayShow });
    return true;
  }

  advance(nowNs: number): void {
    let over = 0;
    while (over < this.#held.length && this.#held[over]!.deadlineNs <= nowNs) {
      const late = this.#held[over++]!;
      const { call, evidence, deadlineNs, find, mayShow } = late;
      const served = find(deadlineNs);
      if (served === undefined && !call.isDecided && mayShow?.(deadlineNs)) {
        this.#held.push({ ...late, deadlineNs: deadlineNs + WAIT_NS });
        continue;
      }
      call.isHeld = false;
      decide(call, served, evidence);
    }
    if (over > 0) this.#held.splice(0, over);
  }

  /** Events are missing: nobody is believed. */
  forget(): void {
    const held = this.#held;
    this.#held = [];
    for (const { call } of held) {
      call.isHeld = false;
      decide(call, undefined, undefined);
    }
  }
}
