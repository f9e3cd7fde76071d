/**
 * Addresses of many samples, in one array as long as there is room: arrays of their own cost more than what is in them. Written in
 * halves, little endian as the kernel's are: to read 64 bits as a bigint makes an object of each.
 */
import type { RawScriptFrame } from "../interpreters/known-functions.ts";

/** The upper halves of INTERRUPTED_FRAME and SCRIPT_FUNCTION of bpf/profile_event.h. */
const INTERRUPTED_HIGH = 1 << 31;
const SCRIPT_FUNCTION_HIGH = 1 << 30;
const ARRAY_WORDS = 4096;
const NOTHING = new BigUint64Array(0);
const NO_PLACES: readonly number[] = [];
const NO_SCRIPTS: RawScriptFrame[] = [];

export interface UserWords {
  readonly stack: BigUint64Array;
  /** Places in the stack. */
  readonly interrupted: readonly number[];
  readonly scripts: readonly RawScriptFrame[];
}

export class StackWords {
  #words = new BigUint64Array(ARRAY_WORDS);
  #halves = new Uint32Array(this.#words.buffer);
  #used = 0;

  copy(view: DataView, at: number, count: number): BigUint64Array {
    if (count === 0) return NOTHING;
    const first = this.#reserve(count);
    for (let i = 0; i < 2 * count; i++) this.#halves[2 * first + i] = view.getUint32(at + 4 * i, true);
    this.#used += count;
    return this.#words.subarray(first, first + count);
  }

  /** Addresses, some with marks in their upper bits, some followed by the function that they are of. */
  split(view: DataView, at: number, frames: number, scriptWords: number): UserWords {
    let interrupted = NO_PLACES;
    let scripts = NO_SCRIPTS;
    const first = this.#reserve(frames);
    let count = 0;
    for (let place = at; place < at + 8 * (frames + scriptWords); place += 8) {
      const low = view.getUint32(place, true);
      const high = view.getUint32(place + 4, true);
      const isInterrupted = (high & INTERRUPTED_HIGH) !== 0;
      if (!isInterrupted && (high & SCRIPT_FUNCTION_HIGH) !== 0) {
        if (count === 0) continue;
        if (scripts === NO_SCRIPTS) scripts = [];
        scripts.push({ index: count - 1, shared: (high & ~SCRIPT_FUNCTION_HIGH) * 2 ** 32 + low });
        continue;
      }
      if (count >= frames) break;
      if (isInterrupted) interrupted = [...interrupted, count];
      this.#halves[2 * (first + count)] = low;
      this.#halves[2 * (first + count) + 1] = high & ~INTERRUPTED_HIGH;
      count++;
    }
    this.#used += count;
    return { stack: count === 0 ? NOTHING : this.#words.subarray(first, first + count), interrupted, scripts };
  }

  #reserve(count: number): number {
    if (this.#used + count > this.#words.length) {
      this.#words = new BigUint64Array(Math.max(ARRAY_WORDS, count));
      this.#halves = new Uint32Array(this.#words.buffer);
      this.#used = 0;
    }
    return this.#used;
  }
}
