/** Stacks of wakers until the waits that they ended are told, which is when the woken thread runs. */
import { makeRoom } from "../../make-room.ts";
import type { StackSample } from "../../mapping/profiles/stack-sample.ts";

export type ReadSample = StackSample | Promise<StackSample>;

/** Threads that are woken and do not run yet; the waits of the oldest were lost. */
const LIMIT = 4096;

export class WakerSamples {
  readonly #byWait = new Map<string, ReadSample>();

  add(wait: string, sample: ReadSample): void {
    makeRoom(this.#byWait, LIMIT);
    this.#byWait.set(wait, sample);
  }

  take(wait: string): ReadSample | undefined {
    const sample = this.#byWait.get(wait);
    this.#byWait.delete(wait);
    return sample;
  }
}
