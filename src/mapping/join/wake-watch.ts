/**
 * Whether to be told which thread wakes which: where threads that read no requests make calls, in a process whose threads are its
 * units.
 */
import { OnDemand } from "./on-demand.ts";

/** The whole host pays for it: a few such calls may be the program's own. */
const ENOUGH = 8;
const IN_VAIN = 520;

export class WakeWatch {
  readonly #areThreadsUnits: () => boolean;
  readonly #demand = new OnDemand(ENOUGH, IN_VAIN);
  #mayBegin = false;

  constructor(areThreadsUnits: () => boolean) {
    this.#areThreadsUnits = areThreadsUnits;
  }

  /**
   * @param strays calls by threads that have read nothing, which got no parent
   * @param joined calls that were joined by who wakes whom
   * @returns whether it is to be watched from now on; undefined: as before
   */
  seen(strays: number, joined: number): boolean | undefined {
    if (strays < ENOUGH) return undefined;
    this.#mayBegin ||= this.#areThreadsUnits();
    return this.#mayBegin ? this.#demand.seen(strays, joined) : undefined;
  }
}
