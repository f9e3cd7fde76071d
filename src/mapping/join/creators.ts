/**
 * Evidence: the unit that makes a call was created by the unit that serves a request, after it had read it; or by one
 * that was created so.
 *
 * Proves: the call comes of what the request started. Lies where what was created serves others too, while the request
 * goes on: a pool or an actor that is started by the first request that needs it.
 */

const MAX_CREATED = 16_384;
const MAX_GENERATIONS = 8;

interface Creation {
  readonly creator: number;
  /** Of the creation, in the order of all events. */
  readonly order: number;
}

/** Who created which unit of a process; ids are never used again. */
export class Creators {
  readonly #creations = new Map<number, Creation>();

  add(created: number, creator: number, order: number): void {
    if (this.#creations.size >= MAX_CREATED) this.#creations.delete(this.#creations.keys().next().value!);
    this.#creations.set(created, { creator, order });
  }

  /** The creators of a unit, nearest first, each with the order of the creation. */
  *of(id: number): Generator<Creation> {
    let at = this.#creations.get(id);
    for (let generation = 0; at !== undefined && generation < MAX_GENERATIONS; generation++) {
      yield at;
      at = this.#creations.get(at.creator);
    }
  }
}
