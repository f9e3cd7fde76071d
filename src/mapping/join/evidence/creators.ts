/**
 * Evidence: the unit that makes a call was created by the unit that serves a request, after it had read it; or by one
 * that was created so.
 *
 * Proves: the call comes of what the request started. Lies where what was created serves others too: a pool or an actor
 * that is started by the first request that needs it (offspring.ts).
 */
import { makeRoom } from "../../../make-room.ts";
import type { TraceNode } from "../trace-node.ts";

const MAX_CREATED = 16_384;

/** What a unit was created for. */
export interface CreatedFor {
  readonly served: TraceNode;
  /** Key of the unit that serves it; 0: one that serves no other. */
  readonly server: number;
  /** Equal: made to run the same function; 0: not known. */
  readonly work: number;
  /** Behind the answer, as far as is known: that unit has read nothing since. */
  readonly isBehind: boolean;
  /** It waited behind another request when it was read: believed where it is sure whose units that run this are made (making-turns.ts). */
  readonly turnOf: number | undefined;
  /** Of these: who has made it was made when its turn had come, and goes on with no request before. */
  readonly isOfFresh?: boolean;
  /** When that unit's answer has told so, where an event that got lost could have ended another request of its. */
  readonly toldNs?: number;
}

/** For which request each unit of a process was created, by the creation's id: never used again. Bounded. */
export class Creators {
  readonly #creations = new Map<number, CreatedFor>();

  add(created: number, creation: CreatedFor): void {
    if (this.#creations.has(created)) return;
    makeRoom(this.#creations, MAX_CREATED);
    this.#creations.set(created, creation);
  }

  /** undefined: for none that is known. */
  of(id: number): CreatedFor | undefined {
    return this.#creations.get(id);
  }
}
