/**
 * How a call's answer comes to the thread that waits for it. One client does it in one way: through so many threads.
 * What comes through more or fewer of them was woken by a lock.
 *
 * Workers take what is next without having slept: then what they were woken for is not what they wake others for. It shows
 * at the other end: an answer was read, and nobody was woken for it.
 */
import type { TraceNode } from "../trace-node.ts";

/** A call's answer has woken the thread of a request. */
export interface Claim {
  readonly served: TraceNode;
  readonly call: TraceNode;
  /** Threads between the one that has read the answer and the one that has woken the request's. */
  readonly hops: number;
  /** When the first of them was woken; without any, when the answer was read. */
  readonly sinceNs: number;
  readonly wokenNs: number;
}

const MAX_HOPS = 16;
const REMEMBERED = 512;
/** Until then any way is one. */
const ENOUGH = 16;
const USUAL_SHARE = 0.8;
const MAX_UNSEEN = 256;

export class WakeWays {
  readonly #byHops = new Float64Array(MAX_HOPS);
  #count = 0;
  /** When answers were read that were handed on to nobody who slept; the oldest is forgotten first. */
  #unseenNs: number[] = [];

  claimed({ hops }: Claim): void {
    this.#byHops[Math.min(hops, MAX_HOPS - 1)]!++;
    this.#count++;
    if (this.#count < REMEMBERED) return;
    this.#count /= 2;
    for (let i = 0; i < MAX_HOPS; i++) this.#byHops[i]! /= 2;
  }

  handedUnseen(readNs: number): void {
    if (this.#unseenNs.length >= MAX_UNSEEN) this.#unseenNs = this.#unseenNs.slice(MAX_UNSEEN / 2);
    this.#unseenNs.push(readNs);
  }

  /**
   * @param all that claim the same call
   * @returns undefined: it says nothing; false: others say otherwise
   */
  isOnly(claim: Claim, all: readonly Claim[]): boolean | undefined {
    const usual = this.#usualHops();
    if (usual !== undefined && claim.hops !== usual) return undefined;
    if (this.#wasUnseen(claim.sinceNs, claim.wokenNs)) return undefined;
    return all.every(({ served, hops }) => served === claim.served || (usual !== undefined && hops !== usual));
  }

  /** undefined: not known yet; -1: there is no usual way, so none says anything. */
  #usualHops(): number | undefined {
    if (this.#count < ENOUGH) return undefined;
    const most = Math.max(...this.#byHops);
    return most < this.#count * USUAL_SHARE ? -1 : this.#byHops.indexOf(most);
  }

  #wasUnseen(fromNs: number, toNs: number): boolean {
    return this.#unseenNs.some((readNs) => readNs > fromNs && readNs < toNs);
  }
}
