/** Reads of a YAML tree that a controller sent: every value has a type and a default, and a wrong one is a problem. */

export type ConfigTree = Readonly<Record<string, unknown>>;

const DURATION_UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

export function isTree(value: unknown): value is ConfigTree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Paths of all leaves; lists are leaves. Bounded, since a tree of a stranger may be deep. */
export function leafPaths(tree: ConfigTree, maxPaths = 10_000): string[] {
  const paths: string[] = [];
  const walk = (node: ConfigTree, prefix: string, depth: number): void => {
    for (const [key, value] of Object.entries(node)) {
      if (paths.length >= maxPaths) return;
      const path = prefix === "" ? key : `${prefix}.${key}`;
      if (isTree(value) && depth < 16) walk(value, path, depth + 1);
      else paths.push(path);
    }
  };
  walk(tree, "", 0);
  return paths;
}

export class ConfigTreeReader {
  readonly problems: string[] = [];
  readonly #tree: ConfigTree;

  constructor(tree: ConfigTree) {
    this.#tree = tree;
  }

  /** undefined: not there, or null. */
  value(path: string): unknown {
    let node: unknown = this.#tree;
    for (const key of path.split(".")) {
      if (!isTree(node) || !Object.hasOwn(node, key)) return undefined;
      node = node[key];
    }
    return node ?? undefined;
  }

  text(path: string, fallback: string): string {
    const value = this.value(path);
    if (value === undefined) return fallback;
    if (typeof value === "string") return value;
    if (typeof value === "number") return String(value);
    return this.#wrong(path, "a text", fallback);
  }

  boolean(path: string, fallback: boolean): boolean {
    const value = this.value(path);
    if (value === undefined || typeof value === "boolean") return value ?? fallback;
    return this.#wrong(path, "true or false", fallback);
  }

  integer(path: string, fallback: number, least: number, most: number): number {
    const value = this.value(path);
    if (value === undefined) return fallback;
    if (typeof value !== "number" || !Number.isInteger(value)) return this.#wrong(path, "a whole number", fallback);
    return Math.min(most, Math.max(least, value));
  }

  /** `60s`, or a bare number of seconds. */
  durationMs(path: string, fallback: number, least: number, most: number): number {
    const value = this.value(path);
    if (value === undefined) return fallback;
    const match =
      typeof value === "number" ? ["", String(value), "s"] : /^(\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(String(value));
    const unit = DURATION_UNITS_MS.get(match?.[2] ?? "");
    if (unit === undefined) return this.#wrong(path, "a duration", fallback);
    return Math.min(most, Math.max(least, Number(match?.[1]) * unit));
  }

  texts(path: string): string[] | undefined {
    const value = this.value(path);
    if (value === undefined) return undefined;
    if (Array.isArray(value)) return value.map(String);
    return this.#wrong(path, "a list", undefined);
  }

  tree(path: string): ConfigTree | undefined {
    const value = this.value(path);
    if (value === undefined || isTree(value)) return value;
    return this.#wrong(path, "a mapping", undefined);
  }

  #wrong<T>(path: string, wanted: string, fallback: T): T {
    const problem = `${path} is not ${wanted}`;
    // A value may be asked for more than once.
    if (!this.problems.includes(problem)) this.problems.push(problem);
    return fallback;
  }
}
