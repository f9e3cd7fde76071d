/**
 * Whether to be told which thread wakes which is worth its cost in a process: only where threads that read no requests make
 * calls of which nothing else is known, and only as long as that brings something.
 */

/** The whole host pays for it: a few such calls may be the program's own. */
const ENOUGH = 8;
/** So many without one join: those who make these calls are not waited for. */
const IN_VAIN = 512;

export class WakeWatch {
  readonly #areThreadsUnits: () => boolean;
  #isOn = false;
  #isOver = false;

  constructor(areThreadsUnits: () => boolean) {
    this.#areThreadsUnits = areThreadsUnits;
  }

  /**
   * @param strays calls by threads that have read nothing, which got no parent
   * @param joined calls that were joined by who wakes whom
   * @returns whether it is to be watched from now on; undefined: as before
   */
  seen(strays: number, joined: number): boolean | undefined {
    if (this.#isOver || strays < ENOUGH) return undefined;
    if (!this.#isOn) {
      if (!this.#areThreadsUnits()) return undefined;
      this.#isOn = true;
      return true;
    }
    if (strays < ENOUGH + IN_VAIN || joined > 0) return undefined;
    this.#isOver = true;
    return false;
  }
}
