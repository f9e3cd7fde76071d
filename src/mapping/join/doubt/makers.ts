/**
 * How many requests make units of their own to call a destination. Where few do, those units may be there for all: workers
 * of a pool, an actor, a batcher. Counted by destination, since a program may do both.
 *
 * Behind the answer a unit may be one that the first request of a connection has made for all of it. Two things tell: the
 * connection's next request has made one of its own, and so have nearly all requests that were answered about then. That
 * shows by what such units call, or, of a program that is behind with that, by what they were made to run.
 */
import { makeRoom } from "../../../make-room.ts";
import type { NodeConnection, TraceNode } from "../trace-node.ts";

const MAX_DESTINATIONS = 256;
const MAX_WORKS = 16;
/** So many requests must have made units that call. */
const PROVEN = 3;
/** A unit that went on calling for others is remembered for so long. */
const DOUBT_NS = 60_000_000_000;
/** Of so many requests in a row such a share made units of their own. */
const ENOUGH_ANSWERS = 8;
const NEARLY_ALL = 0.9;

/** Requests that are remembered in the order of their answers; of a connection, the last ones. */
const MAX_ANSWERED = 2048;
const MAX_ON_CONNECTION = 128;
/** Looked at around a request: those answered behind it, and before it where these are few. */
const ANSWERED_BEHIND = 32;
const ANSWERED_ABOUT = 16;

/** What a request has made. */
interface Made {
  /** The destinations that units of its own have called, and how often the most diligent of them did so. */
  destinations: Map<string, number> | undefined;
  /** What units of its own were made to run. */
  works: Set<number> | undefined;
  /** In the order of all answers, and of those on its connection; -1: it is not answered. */
  index: number;
  indexOnConnection: number;
}

interface Destination {
  requests: number;
  doubtUntilNs: number;
}

export class Makers {
  readonly #destinations = new Map<string, Destination>();
  readonly #made = new WeakMap<TraceNode, Made>();
  /** By the index of an answer, in a ring. */
  readonly #answered: Made[] = [];
  readonly #onConnection = new WeakMap<NodeConnection, { answers: number; readonly last: Made[] }>();
  /** Requests that were answered since units were made first. */
  #answers = 0;

  answered(served: TraceNode): void {
    const made = this.#madeBy(served);
    made.index = this.#answers++;
    this.#answered[made.index % MAX_ANSWERED] = made;
    const connection = this.#onConnection.get(served.connection) ?? { answers: 0, last: [] };
    if (connection.answers === 0) this.#onConnection.set(served.connection, connection);
    made.indexOnConnection = connection.answers++;
    connection.last[made.indexOnConnection % MAX_ON_CONNECTION] = made;
  }

  /** A unit that runs this was made for `served`. */
  made(served: TraceNode, work: number): void {
    const made = this.#madeBy(served);
    made.works ??= new Set();
    if (made.works.size < MAX_WORKS) made.works.add(work);
  }

  #madeBy(served: TraceNode): Made {
    let made = this.#made.get(served);
    if (made === undefined) {
      made = { destinations: undefined, works: undefined, index: -1, indexOnConnection: -1 };
      this.#made.set(served, made);
    }
    return made;
  }

  /**
   * A unit that was made for `served` calls.
   *
   * @param calls of the unit by now
   * @returns whether it is shown by now that requests make such units
   */
  add(destination: string, served: TraceNode, calls: number, nowNs: number): boolean {
    const made = this.#madeBy(served);
    made.destinations ??= new Map();
    const before = made.destinations.get(destination);
    if (before === undefined) this.#of(destination).requests++;
    if (calls > (before ?? 0)) made.destinations.set(destination, calls);
    return this.isShown(destination, nowNs);
  }

  /** Three requests have made units that call it, and none of late that goes on for others. */
  isShown(destination: string, nowNs: number): boolean {
    const found = this.#destinations.get(destination);
    return found !== undefined && found.requests >= PROVEN && nowNs >= found.doubtUntilNs;
  }

  /**
   * The next request of the connection has made a unit of its own that calls it, and so have nearly all about this one.
   *
   * @param work what units that call it run; 0: not known
   */
  isUsualAbout(destination: string, work: number, served: TraceNode): boolean {
    const hasMade = ({ destinations, works }: Made) =>
      destinations?.has(destination) === true || (work !== 0 && works?.has(work) === true);
    const next = this.#besideOnConnection(served, 1);
    return next !== undefined && hasMade(next) && this.#haveNearlyAll(served, hasMade);
  }

  /**
   * Nearly all requests about this one have made a unit of their own that calls it so often, and the next one of the connection,
   * or, while there is none, the one before it.
   *
   * @param isAlone the connection has brought no other one since
   */
  callsAreUsual(destination: string, calls: number, served: TraceNode, isAlone: boolean): boolean {
    const hasMade = ({ destinations }: Made) => (destinations?.get(destination) ?? 0) >= calls;
    const beside = this.#besideOnConnection(served, 1) ?? this.#besideOnConnection(served, -1);
    return (beside === undefined ? isAlone : hasMade(beside)) && this.#haveNearlyAll(served, hasMade);
  }

  #besideOnConnection(served: TraceNode, step: number): Made | undefined {
    const index = (this.#made.get(served)?.indexOnConnection ?? -1) + step;
    const last = this.#onConnection.get(served.connection)?.last;
    const made = index < 0 ? undefined : last?.[index % MAX_ON_CONNECTION];
    return made?.indexOnConnection === index ? made : undefined;
  }

  #haveNearlyAll(served: TraceNode, hasMade: (made: Made) => boolean): boolean {
    const index = this.#made.get(served)?.index ?? -1;
    if (index < 0) return false;
    const end = Math.min(this.#answers, index + 1 + ANSWERED_BEHIND);
    const begin = Math.max(0, Math.min(index + 1, end - ANSWERED_ABOUT));
    let usual = 0;
    for (let at = begin; at < end; at++) {
      const made = this.#answered[at % MAX_ANSWERED]!;
      if (made.index !== at) return false;
      if (hasMade(made)) usual++;
    }
    return end - begin >= ENOUGH_ANSWERS && usual >= (end - begin) * NEARLY_ALL;
  }

  /** A unit that was made for a request calls again when that is over. */
  doubt(destination: string, nowNs: number): void {
    this.#of(destination).doubtUntilNs = nowNs + DOUBT_NS;
  }

  #of(destination: string): Destination {
    let found = this.#destinations.get(destination);
    if (found !== undefined) return found;
    makeRoom(this.#destinations, MAX_DESTINATIONS);
    found = { requests: 0, doubtUntilNs: 0 };
    this.#destinations.set(destination, found);
    return found;
  }
}
