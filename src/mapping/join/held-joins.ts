/** Joins of one process that wait for more to be known of them: bounded in number and in time. */
import type { Stretch } from "./thread-log.ts";
import type { TraceNode } from "./trace-node.ts";

const MAX_AGREED = 64;
const AGREED_WAIT_NS = 500_000_000;
/** A callback that has answered goes on for so long at most; mostly the next read ends it much sooner. */
const END_WAIT_NS = 200_000_000;
const MAX_AWAITED = 16_384;
const AWAITED_WAIT_NS = 2_000_000_000;

interface Agreed {
  /** The last one of a chain of calls, and all that waits with it. */
  readonly call: TraceNode;
  readonly waiting: readonly TraceNode[];
  readonly served: TraceNode;
  readonly deadlineNs: number;
}

export class HeldJoins {
  #agreed: Agreed[] = [];
  /** Stretches whose end is waited for. */
  readonly #ends = new Map<Stretch, { readonly waiting: readonly TraceNode[]; readonly deadlineNs: number }>();

  /** Calls whose answer is waited for. */
  readonly #awaited = new Set<TraceNode>();

  get isEmpty(): boolean {
    return this.#agreed.length === 0 && this.#ends.size === 0 && this.#awaited.size === 0;
  }

  /** What its answer lets go on may tell its parent. */
  untilAnswered(call: TraceNode): void {
    if (this.#awaited.size >= MAX_AWAITED) return;
    call.isAwaited = true;
    this.#awaited.add(call);
  }

  /** Two witnesses agree, and are not believed yet. */
  untilProven(call: TraceNode, waiting: readonly TraceNode[], served: TraceNode, nowNs: number): void {
    if (waiting.length === 0 || this.#agreed.length >= MAX_AGREED) return;
    for (const node of waiting) node.isHeld = true;
    this.#agreed.push({ call, waiting, served, deadlineNs: nowNs + AGREED_WAIT_NS });
  }

  /** They are believed now, or never: nothing waits any more. */
  takeAgreed(): readonly Agreed[] {
    if (this.#agreed.length === 0) return this.#agreed;
    const taken = this.#agreed;
    this.#agreed = [];
    for (const { waiting } of taken) free(waiting);
    return taken;
  }

  /** What a stretch proves is known when it is over. */
  untilEnd(stretch: Stretch, waiting: readonly TraceNode[], nowNs: number): void {
    if (this.#ends.has(stretch)) return;
    for (const node of waiting) node.isHeld = true;
    this.#ends.set(stretch, { waiting, deadlineNs: nowNs + END_WAIT_NS });
  }

  /** @returns whether it was waited for */
  ended(stretch: Stretch): boolean {
    for (const call of stretch.ended) this.#answered(call);
    const end = this.#ends.get(stretch);
    if (end === undefined) return false;
    this.#ends.delete(stretch);
    free(end.waiting);
    return true;
  }

  /** @returns the stretches that have lasted too long; what waits for proof gives up by itself */
  expired(nowNs: number): readonly Stretch[] {
    while (this.#agreed.length > 0 && this.#agreed[0]!.deadlineNs <= nowNs) free(this.#agreed.shift()!.waiting);
    for (const call of this.#awaited) {
      if (!call.isDecided && nowNs - call.start.timestampNs < AWAITED_WAIT_NS) break;
      this.#answered(call);
    }
    const over: Stretch[] = [];
    for (const [stretch, { deadlineNs }] of this.#ends) if (deadlineNs <= nowNs) over.push(stretch);
    return over;
  }

  #answered(call: TraceNode): void {
    if (this.#awaited.delete(call)) call.isAwaited = false;
  }

  /** Events are missing: what was held is not known any more. */
  forget(): void {
    for (const call of this.#awaited) this.#answered(call);
    this.takeAgreed();
    for (const { waiting } of this.#ends.values()) free(waiting);
    this.#ends.clear();
  }
}

function free(waiting: readonly TraceNode[]): void {
  for (const node of waiting) node.isHeld = false;
}
