/**
 * Whether something is worth its cost in a process: only where calls come of which nothing else is known, and only as long as
 * that brings something.
 */
interface OnDemandOptions {
  /** So many such calls are needed. */
  readonly enough: number;
  /** So many, without one join: what makes these calls has nothing to do with requests. */
  readonly inVain: number;
  /** Whether it can tell anything of this process. */
  readonly mayBegin?: () => boolean;
  /** It is tried again when there were so many times as many; else never. */
  readonly growth?: number;
  /** What comes before it has told anything was not in vain: it is not there yet. */
  readonly isToldFirst?: boolean;
}

export class OnDemand {
  readonly #options: OnDemandOptions;
  #isOn = false;
  #beginsAt: number;
  #endsAt: number;

  constructor(options: OnDemandOptions) {
    this.#options = options;
    this.#beginsAt = options.enough;
    this.#endsAt = options.inVain;
  }

  /** It is watched. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /**
   * @param strays calls so far of which nothing is known
   * @param joined calls that have got their parent by it
   * @returns whether it is to be watched from now on; undefined: as before
   */
  seen(strays: number, joined: number): boolean | undefined {
    const { inVain, mayBegin, growth = Number.POSITIVE_INFINITY, isToldFirst } = this.#options;
    if (!this.#isOn) {
      if (strays < this.#beginsAt || mayBegin?.() === false) return undefined;
      this.#isOn = true;
      if (isToldFirst) this.#endsAt = Number.POSITIVE_INFINITY;
      return true;
    }
    if (strays < this.#endsAt || joined > 0) return undefined;
    this.#isOn = false;
    this.#beginsAt = strays * growth;
    this.#endsAt = this.#beginsAt + inVain;
    return false;
  }

  /** It costs this process too much by now. @returns false where it was watched */
  rest(strays: number): false | undefined {
    if (!this.#isOn) return undefined;
    const { enough, inVain } = this.#options;
    this.#isOn = false;
    this.#beginsAt = strays + enough;
    this.#endsAt = this.#beginsAt + inVain;
    return false;
  }

  /** It has told something. */
  told(strays: number): void {
    if (this.#isOn && this.#endsAt === Number.POSITIVE_INFINITY) this.#endsAt = strays + this.#options.inVain;
  }
}
