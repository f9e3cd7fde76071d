/** A process may call any number of destinations. */
const MAX_DESTINATIONS = 256;

/** How often each destination was called: of the first so many. */
export class CallCounts {
  readonly #calls = new Map<string, number>();

  /** What `of` does not know may have been called. */
  get isFull(): boolean {
    return this.#calls.size >= MAX_DESTINATIONS;
  }

  /** 0 also where there was no room for it. */
  of(destination: string): number {
    return this.#calls.get(destination) ?? 0;
  }

  add(destination: string): void {
    const calls = this.of(destination);
    if (calls > 0 || !this.isFull) this.#calls.set(destination, calls + 1);
  }
}
