/**
 * Which requests go on behind their answers, and how far: what an async function calls then, behind its first call, may be for
 * others: a worker that one request has started, and that takes what the next ones leave for it. Where each request has a function of
 * its own, nearly all that were answered about then have got as far; where one works for others, these have called less.
 */
import { makeRoom } from "../../../make-room.ts";
import type { TraceNode } from "../trace-node.ts";

const MAX_ANSWERED = 2048;
/** Looked at around a request: answered before it, and behind it. */
const ANSWERED_ABOUT = 32;
const ENOUGH_ANSWERS = 8;
const NEARLY_ALL = 0.9;
/** Nobody is believed for so long once a call of that kind was known to be another one's. */
const DOUBT_NS = 60_000_000_000;

interface Answered {
  readonly endNs: number;
  /** When each of its calls behind the answer was over. */
  readonly callsNs: number[];
}

export class BehindAnswers {
  /** By the request, in the order of the answers. */
  readonly #answered = new Map<TraceNode, number>();
  /** In a ring. */
  readonly #ring: Answered[] = [];
  #count = 0;
  #doubtUntilNs = Number.NEGATIVE_INFINITY;

  answered(served: TraceNode): void {
    makeRoom(this.#answered, MAX_ANSWERED);
    this.#answered.set(served, this.#count);
    this.#ring[this.#count++ % MAX_ANSWERED] = { endNs: served.endNs, callsNs: [] };
  }

  /** A call is over by which a function of `served` goes on. @returns how many there were */
  called(served: TraceNode, nowNs: number): number {
    const callsNs = this.#at(this.#answered.get(served))?.callsNs;
    return callsNs === undefined ? 0 : callsNs.push(nowNs);
  }

  /** One was another request's. */
  differed(nowNs: number): void {
    this.#doubtUntilNs = nowNs + DOUBT_NS;
  }

  /** @returns whether nearly all that were answered about when `served` was have got to their `nth` call by now, where there was time for it */
  areUsual(served: TraceNode, nth: number, nowNs: number): boolean {
    const index = this.#answered.get(served);
    const own = this.#at(index);
    if (index === undefined || own === undefined || nth === 0 || nowNs < this.#doubtUntilNs) return false;
    const tookNs = own.callsNs[nth - 1]! - own.endNs;
    let others = 0;
    let asFar = 0;
    for (let at = index - ANSWERED_ABOUT; at <= index + ANSWERED_ABOUT; at++) {
      const other = at === index ? undefined : this.#at(at);
      if (other === undefined) continue;
      if (other.callsNs.length >= nth) asFar++;
      else if (other.endNs + tookNs > nowNs) continue;
      others++;
    }
    return others >= ENOUGH_ANSWERS && asFar >= others * NEARLY_ALL;
  }

  forget(): void {
    this.#answered.clear();
    this.#ring.length = 0;
    this.#count = 0;
  }

  #at(index: number | undefined): Answered | undefined {
    if (index === undefined || index < 0 || index >= this.#count || index < this.#count - MAX_ANSWERED)
      return undefined;
    return this.#ring[index % MAX_ANSWERED];
  }
}
