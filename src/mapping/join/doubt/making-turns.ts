/**
 * Doubt of evidence `creator` where requests wait behind one another on a connection: what is made when one is answered and
 * the next is not may be the next one's, or go on behind the one that is answered. It is believed to be the next one's
 * where units that run the same function were made for requests that had none before them, and none of late when there
 * was nothing left to answer.
 */
import { makeRoom } from "../../../make-room.ts";

const PROVEN = 3;
const DOUBT_NS = 60_000_000_000;
const MAX_KINDS = 256;

interface Kind {
  before: number;
  doubtUntilNs: number;
}

/** By the function that units run; 0: not known. */
export class MakingTurns {
  readonly #kinds = new Map<number, Kind>();

  /** A unit was made for a request that had its connection to itself, before the answer. */
  madeBefore(work: number): void {
    this.#of(work).before++;
  }

  /** A unit was made by one that had answered all that it had read. */
  madeBehind(work: number, nowNs: number): void {
    this.#of(work).doubtUntilNs = nowNs + DOUBT_NS;
  }

  /** @param mayGoOn whoever has made it may go on with the request before */
  isSure(work: number, nowNs: number, mayGoOn: boolean): boolean {
    const kind = this.#kinds.get(work);
    return kind !== undefined && kind.before >= PROVEN && (!mayGoOn || nowNs >= kind.doubtUntilNs);
  }

  #of(work: number): Kind {
    let kind = this.#kinds.get(work);
    if (kind !== undefined) return kind;
    makeRoom(this.#kinds, MAX_KINDS);
    kind = { before: 0, doubtUntilNs: Number.NEGATIVE_INFINITY };
    this.#kinds.set(work, kind);
    return kind;
  }
}
