/**
 * What is watched of a process from the start, since it listens or from its first request on, so that its first calls are
 * seen: until these have shown whether they need it.
 */

/** So many calls, requests, or others that were told of which no call came, show it. */
const FIRST_CALLS = 256;
const FIRST_REQUESTS = 1024;
const FIRST_TOLD = 4096;

export class WatchTrial {
  #isOn = true;
  #calls = 0;
  #requests = 0;
  #told = 0;

  /** Not over yet. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** A request was read. @returns whether it is to be watched from now on; undefined: as before */
  served(isNeeded: boolean): boolean | undefined {
    if (!this.#isOn) return undefined;
    return ++this.#requests === 1 ? true : this.#isOver(this.#requests >= FIRST_REQUESTS, isNeeded);
  }

  /** The process calls while it serves. */
  called(isNeeded: boolean): false | undefined {
    return this.#isOn ? this.#isOver(++this.#calls >= FIRST_CALLS, isNeeded) : undefined;
  }

  /** Something was told. */
  told(isNeeded: boolean): false | undefined {
    return this.#isOn ? this.#isOver(++this.#told >= FIRST_TOLD, isNeeded) : undefined;
  }

  /** There is too much of it. @returns whether it was watched for this alone, as far as is known */
  end(): boolean {
    const wasOn = this.#isOn;
    this.#isOn = false;
    return wasOn;
  }

  #isOver(isEnough: boolean, isNeeded: boolean): false | undefined {
    if (!isEnough) return undefined;
    this.#isOn = false;
    return isNeeded ? undefined : false;
  }
}
