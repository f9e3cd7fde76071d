/** Values by a number that is almost a key: the caller tells apart what shares a bucket. */
export class Buckets<T> {
  readonly #buckets = new Map<number, T | T[]>();

  add(key: number, value: T): void {
    const found = this.#buckets.get(key);
    if (found === undefined) this.#buckets.set(key, value);
    else if (Array.isArray(found)) found.push(value);
    else this.#buckets.set(key, [found, value]);
  }

  delete(key: number, value: T): void {
    const found = this.#buckets.get(key);
    if (found === value) this.#buckets.delete(key);
    else if (Array.isArray(found)) {
      const index = found.indexOf(value);
      if (index >= 0) found.splice(index, 1);
      if (found.length === 0) this.#buckets.delete(key);
    }
  }

  /** The best of a bucket by `better`, among those that `matches` takes. */
  find(key: number, matches: (value: T) => boolean, better?: (a: T, b: T) => boolean): T | undefined {
    const found = this.#buckets.get(key);
    if (found === undefined) return undefined;
    if (!Array.isArray(found)) return matches(found) ? found : undefined;
    let best: T | undefined;
    for (const value of found) {
      if (!matches(value)) continue;
      if (best === undefined || better?.(value, best)) best = value;
    }
    return best;
  }
}
