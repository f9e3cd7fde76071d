/**
 * Doubt of evidence `single`: a call may be a rest of what was answered a moment ago. Not where the process had been quiet, nor
 * where each of the requests that were answered since was alone, and has made such a call before its answer.
 */
import { setBounded } from "../../../make-room.ts";
import type { TraceNode } from "../trace-node.ts";

const MAX_DESTINATIONS = 256;
/** Without a request for so long: what is called then is not a rest of the one before. */
const QUIET_NS = 100_000_000;

/** Lone requests without another one between them, all of which have called a destination. */
interface Streak {
  readonly fromNs: number;
  /** The first of them came when the process had been quiet. */
  readonly isFromQuiet: boolean;
  /** How many requests had ended when the last of them did. */
  readonly last: number;
}

export class Rests {
  readonly #streaks = new Map<string, Streak>();
  #ended = 0;

  /** `served` was alone from its beginning to its end, which is next, and has called `destination`. */
  lone({ start, quietSinceNs }: TraceNode, destination: string): void {
    const streak = this.#streaks.get(destination);
    const goesOn = streak?.last === this.#ended - 1;
    setBounded(
      this.#streaks,
      destination,
      {
        fromNs: goesOn ? streak.fromNs : start.timestampNs,
        isFromQuiet: goesOn ? streak.isFromQuiet : isQuiet(start.timestampNs, quietSinceNs),
        last: this.#ended,
      },
      MAX_DESTINATIONS,
    );
  }

  ended(): void {
    this.#ended++;
  }

  mayBeOfEarlier({ start, quietSinceNs }: TraceNode, destination: string): boolean {
    if (isQuiet(start.timestampNs, quietSinceNs)) return false;
    const streak = this.#streaks.get(destination);
    if (streak === undefined || streak.last !== this.#ended - 1) return true;
    return !streak.isFromQuiet && !isQuiet(start.timestampNs, streak.fromNs);
  }
}

export function isQuiet(nowNs: number, sinceNs: number): boolean {
  return nowNs - sinceNs >= QUIET_NS;
}
