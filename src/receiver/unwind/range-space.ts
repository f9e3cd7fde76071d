/** Gives out ranges of a table of fixed size. What is given back rests a while: a program may still be reading it. */

export interface Range {
  readonly first: number;
  readonly count: number;
}

const REST_MS = 2000;

export class RangeSpace {
  /** Ordered, none touches another. */
  #free: Range[];
  readonly #resting: { readonly range: Range; readonly untilMs: number }[] = [];
  readonly #now: () => number;
  #used = 0;

  constructor(capacity: number, now: () => number = () => performance.now()) {
    this.#free = [{ first: 0, count: capacity }];
    this.#now = now;
  }

  get usedCount(): number {
    return this.#used;
  }

  /** First fit; undefined: there is no room. */
  take(count: number): Range | undefined {
    this.#recover();
    const index = this.#free.findIndex((free) => free.count >= count);
    const found = this.#free[index];
    if (found === undefined) return undefined;
    if (found.count === count) this.#free.splice(index, 1);
    else this.#free[index] = { first: found.first + count, count: found.count - count };
    this.#used += count;
    return { first: found.first, count };
  }

  giveBack(range: Range): void {
    if (range.count === 0) return;
    this.#used -= range.count;
    this.#resting.push({ range, untilMs: this.#now() + REST_MS });
  }

  #recover(): void {
    const now = this.#now();
    let isChanged = false;
    while (this.#resting[0] !== undefined && this.#resting[0].untilMs <= now) {
      this.#free.push(this.#resting.shift()!.range);
      isChanged = true;
    }
    if (isChanged) this.#free = merged(this.#free);
  }
}

function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const last = result.at(-1);
    if (last !== undefined && last.first + last.count === range.first) {
      result[result.length - 1] = { first: last.first, count: last.count + range.count };
    } else result.push(range);
  }
  return result;
}
