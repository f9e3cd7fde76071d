/** Calls of one process whose parent is looked for among the requests that it serves, oldest first. */
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";

const MAX_UNDECIDED = 16_384;
/** With those that have been decided since the last look at them. */
const MAX_HELD = 32_768;
/** Room is made of so many at once, since all behind them move up. */
const MAX_GONE = 4096;
/** Fewer are looked at whenever a request is answered. */
const FEW = 64;

export class UndecidedCalls {
  /** Decided ones stay until all before them are. */
  readonly #calls: (TraceNode | undefined)[] = [];
  /** What is before is gone. */
  #first = 0;
  /** Held ones that no open request can claim any more: out of the way, so that an answer costs the same however many. */
  readonly #held: TraceNode[] = [];
  #answersUntilLook = 0;
  /** Of those that got no parent, the ones by threads that read no requests. */
  strays = 0;

  /** @returns the call that there is no room for */
  push(call: TraceNode): TraceNode | undefined {
    this.#calls.push(call);
    return this.#calls.length - this.#first > MAX_UNDECIDED ? this.#shift() : undefined;
  }

  /** Those that an open request may still claim, decided ones among them. */
  *[Symbol.iterator](): Generator<TraceNode> {
    for (let index = this.#first; index < this.#calls.length; index++) yield this.#calls[index]!;
  }

  /**
   * Calls made before any request that is still open: nobody is left who could claim them, unless something holds them.
   *
   * @param oldestOrder of the first event of the oldest open request
   * @param isLast nothing of the process is held any more
   * @returns how many held ones there was no room for
   */
  giveUpBefore(oldestOrder: number, isLast: boolean): number {
    let tooMany = 0;
    for (let call = this.#calls[this.#first]; call !== undefined; call = this.#calls[this.#first]) {
      if (!call.isDecided && call.start.order > oldestOrder) break;
      if (!isWaiting(call)) this.#giveUp(call);
      else if (this.#held.length < MAX_HELD) this.#held.push(call);
      else if (decide(call, undefined, undefined)) tooMany++;
      this.#shift();
    }
    if (isLast || this.#held.length <= FEW || --this.#answersUntilLook <= 0) this.#lookAtHeld();
    return tooMany;
  }

  /** Everything that is left. */
  *drain(): Generator<TraceNode> {
    yield* this.#held.splice(0);
    for (let call = this.#shift(); call !== undefined; call = this.#shift()) yield call;
  }

  #shift(): TraceNode | undefined {
    const call = this.#calls[this.#first];
    if (call === undefined) return undefined;
    this.#calls[this.#first++] = undefined;
    if (this.#first >= MAX_GONE || this.#first === this.#calls.length) {
      this.#calls.splice(0, this.#first);
      this.#first = 0;
    }
    return call;
  }

  #giveUp(call: TraceNode): void {
    if (decide(call, undefined, undefined) && call.unit?.isThread && !call.unit.hasRead) this.strays++;
  }

  #lookAtHeld(): void {
    let kept = 0;
    for (const call of this.#held) {
      if (isWaiting(call)) this.#held[kept++] = call;
      else this.#giveUp(call);
    }
    this.#held.length = kept;
    this.#answersUntilLook = kept;
  }
}

function isWaiting({ isHeld, isAwaited, isDecided }: TraceNode): boolean {
  return (isHeld || isAwaited) && !isDecided;
}
