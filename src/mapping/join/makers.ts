/**
 * How many requests make units of their own to call a destination. Where few do, those units may be there for all: workers
 * of a pool, an actor, a batcher. Counted by destination, since a program may do both.
 */
import type { TraceNode } from "./trace-node.ts";

const MAX_DESTINATIONS = 256;
/** So many requests must have made units that call. */
const PROVEN = 3;
/** A unit that went on calling for others is remembered for so long. */
const DOUBT_NS = 60_000_000_000;
/** Of so many requests in a row such a share made units of their own. */
const ENOUGH_ANSWERS = 8;
const NEARLY_ALL = 0.9;

interface Destination {
  requests: number;
  doubtUntilNs: number;
}

/** What was counted at some moment. */
export interface Mark {
  readonly answers: number;
  readonly requests: number;
}

export class Makers {
  readonly #destinations = new Map<string, Destination>();
  /** Of a request: the destinations in whose number it is. */
  readonly #counted = new WeakMap<TraceNode, Set<string>>();
  /** Requests that were answered since units were made first. */
  #answers = 0;

  answered(): void {
    this.#answers++;
  }

  /** A unit that was made for `served` calls. @returns whether it is shown by now that requests make such units */
  add(destination: string, served: TraceNode, nowNs: number): boolean {
    const found = this.#of(destination);
    const counted = this.#counted.get(served);
    if (!counted?.has(destination)) {
      if (counted === undefined) this.#counted.set(served, new Set([destination]));
      else counted.add(destination);
      found.requests++;
    }
    return this.isShown(destination, nowNs);
  }

  /** Three requests have made units that call it, and none of late that goes on for others. */
  isShown(destination: string, nowNs: number): boolean {
    const found = this.#destinations.get(destination);
    return found !== undefined && found.requests >= PROVEN && nowNs >= found.doubtUntilNs;
  }

  mark(destination: string): Mark {
    return { answers: this.#answers, requests: this.#destinations.get(destination)?.requests ?? 0 };
  }

  /** Since then nearly every request has made units of its own that call it. */
  isUsualSince(destination: string, { answers, requests }: Mark): boolean {
    const answered = this.#answers - answers;
    const made = (this.#destinations.get(destination)?.requests ?? 0) - requests;
    return answered >= ENOUGH_ANSWERS && made >= answered * NEARLY_ALL;
  }

  /** A unit that was made for a request calls again when that is over. */
  doubt(destination: string, nowNs: number): void {
    this.#of(destination).doubtUntilNs = nowNs + DOUBT_NS;
  }

  #of(destination: string): Destination {
    let found = this.#destinations.get(destination);
    if (found !== undefined) return found;
    if (this.#destinations.size >= MAX_DESTINATIONS) {
      this.#destinations.delete(this.#destinations.keys().next().value!);
    }
    found = { requests: 0, doubtUntilNs: 0 };
    this.#destinations.set(destination, found);
    return found;
  }
}
