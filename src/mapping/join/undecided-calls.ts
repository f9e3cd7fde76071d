/** Calls of one process whose parent is looked for among the requests that it serves, oldest first. */
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";

const MAX_UNDECIDED = 16_384;
/** With those that have been decided since the last look at them. */
const MAX_HELD = 32_768;
/** Fewer are looked at whenever a request is answered. */
const FEW = 64;

export class UndecidedCalls {
  /** Decided ones stay until all before them are. */
  readonly #calls: TraceNode[] = [];
  /** Held ones that no open request can claim any more: out of the way, so that an answer costs the same however many. */
  readonly #held: TraceNode[] = [];
  #answersUntilLook = 0;

  /** @returns the call that there is no room for */
  push(call: TraceNode): TraceNode | undefined {
    this.#calls.push(call);
    return this.#calls.length > MAX_UNDECIDED ? this.#calls.shift() : undefined;
  }

  /** Those that an open request may still claim, decided ones among them. */
  [Symbol.iterator](): Iterator<TraceNode> {
    return this.#calls.values();
  }

  /**
   * Calls made before any request that is still open: nobody is left who could claim them, unless something holds them.
   *
   * @param oldestOrder of the first event of the oldest open request
   * @param isLast nothing of the process is held any more
   * @returns how many held ones there was no room for
   */
  giveUpBefore(oldestOrder: number, isLast: boolean): number {
    let count = 0;
    let tooMany = 0;
    for (const call of this.#calls) {
      if (!call.isDecided && call.start.order > oldestOrder) break;
      if (!call.isHeld || call.isDecided) decide(call, undefined, undefined);
      else if (this.#held.length < MAX_HELD) this.#held.push(call);
      else if (decide(call, undefined, undefined)) tooMany++;
      count++;
    }
    if (count > 0) this.#calls.splice(0, count);
    if (isLast || this.#held.length <= FEW || --this.#answersUntilLook <= 0) this.#lookAtHeld();
    return tooMany;
  }

  /** Everything that is left. */
  *drain(): Generator<TraceNode> {
    yield* this.#held.splice(0);
    yield* this.#calls.splice(0);
  }

  #lookAtHeld(): void {
    let kept = 0;
    for (const call of this.#held) {
      if (call.isHeld && !call.isDecided) this.#held[kept++] = call;
      else decide(call, undefined, undefined);
    }
    this.#held.length = kept;
    this.#answersUntilLook = kept;
  }
}
