/**
 * Whether something is worth its cost in a process: only where calls come of which nothing else is known, and only as long as
 * that brings something.
 */
export class OnDemand {
  readonly #enough: number;
  readonly #inVain: number;
  readonly #mayBegin: () => boolean;
  #isOn = false;
  #isOver = false;

  /**
   * @param enough so many such calls are needed
   * @param inVain so many, without one join: what makes these calls has nothing to do with requests
   * @param mayBegin whether it can tell anything of this process
   */
  constructor(enough: number, inVain: number, mayBegin: () => boolean = () => true) {
    this.#enough = enough;
    this.#inVain = inVain;
    this.#mayBegin = mayBegin;
  }

  /**
   * @param strays calls so far of which nothing is known
   * @param joined calls that have got their parent by it
   * @returns whether it is to be watched from now on; undefined: as before
   */
  seen(strays: number, joined: number): boolean | undefined {
    if (this.#isOver || strays < this.#enough) return undefined;
    if (!this.#isOn) {
      if (!this.#mayBegin()) return undefined;
      this.#isOn = true;
      return true;
    }
    if (strays < this.#inVain || joined > 0) return undefined;
    this.#isOver = true;
    return false;
  }
}
