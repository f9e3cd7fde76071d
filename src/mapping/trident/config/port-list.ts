/** Lists of ports as the agents' configuration writes them: `80,8000-8100`. */
export class PortList {
  readonly #ranges: readonly (readonly [number, number])[];

  private constructor(ranges: readonly (readonly [number, number])[]) {
    this.#ranges = ranges;
  }

  /** undefined: not a list. An empty text has no port in it. */
  static parse(text: string): PortList | undefined {
    const ranges: [number, number][] = [];
    for (const part of text.split(",").map((piece) => piece.trim())) {
      if (part === "") continue;
      const match = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(part);
      const first = Number(match?.[1]);
      const last = Number(match?.[2] ?? match?.[1]);
      if (match === null || last > 65_535 || first > last) return undefined;
      ranges.push([first, last]);
    }
    return new PortList(ranges);
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  has(port: number): boolean {
    return this.#ranges.some(([first, last]) => port >= first && port <= last);
  }
}
