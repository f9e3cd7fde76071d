/** A configuration tree that remembers where each value was written, so that every error can name the place. */

/** Where a value was written: a file name, `--set a.b`, `environment`. */
export interface Position {
  readonly source: string;
  /** 1-based; undefined where the source has no lines. */
  readonly line: number | undefined;
  readonly column: number | undefined;
}

export interface LocatedEntry {
  readonly keyPosition: Position;
  readonly value: Located;
}

interface LocatedMap {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, LocatedEntry>;
  readonly position: Position;
}

interface LocatedList {
  readonly kind: "list";
  readonly items: readonly Located[];
  readonly position: Position;
}

interface LocatedScalar {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** The text that was read, where the value came from a variable and its type was guessed. */
  readonly text: string | undefined;
  readonly position: Position;
}

export type Located = LocatedMap | LocatedList | LocatedScalar;
export type Path = readonly (string | number)[];

/** Maps merge, lists and scalars are replaced: the Collector's rule for several --config. */
export function merge(under: Located, over: Located): Located {
  if (over.kind === "scalar" && over.value === null && under.kind === "map") return under;
  if (under.kind !== "map" || over.kind !== "map") return over;
  const entries = new Map(under.entries);
  for (const [key, entry] of over.entries) {
    const existing = entries.get(key);
    entries.set(key, existing === undefined ? entry : { ...entry, value: merge(existing.value, entry.value) });
  }
  return { kind: "map", entries, position: over.position };
}

export function toPlain(tree: Located): unknown {
  if (tree.kind === "scalar") return tree.value;
  if (tree.kind === "list") return tree.items.map(toPlain);
  return Object.fromEntries([...tree.entries].map(([key, entry]) => [key, toPlain(entry.value)]));
}

export function childAt(tree: Located | undefined, path: Path): Located | undefined {
  let node = tree;
  for (const step of path) node = child(node, step);
  return node;
}

/** The place of the value at `path`, or of the nearest thing above it that exists. */
export function positionAt(tree: Located, path: Path): Position {
  let node: Located = tree;
  for (const step of path) {
    const next = child(node, step);
    if (next === undefined) break;
    node = next;
  }
  return node.position;
}

/** The place of the key that ends `path`. */
export function keyPositionAt(tree: Located, path: Path): Position {
  const parent = childAt(tree, path.slice(0, -1));
  const entry = parent?.kind === "map" ? parent.entries.get(String(path.at(-1))) : undefined;
  return entry?.keyPosition ?? positionAt(tree, path);
}

/** A tree of one value at `path`; maps all the way down to it. */
export function nest(path: readonly string[], value: Located, position: Position): Located {
  return path.reduceRight<Located>(
    (inner, key) => ({ kind: "map", entries: new Map([[key, { keyPosition: position, value: inner }]]), position }),
    value,
  );
}

/** Plain data of the program as a tree. */
export function fromPlain(data: unknown, position: Position): Located {
  if (Array.isArray(data)) return { kind: "list", items: data.map((item) => fromPlain(item, position)), position };
  if (typeof data === "object" && data !== null) {
    const entries = Object.entries(data).map(([key, value]): [string, LocatedEntry] => [
      key,
      { keyPosition: position, value: fromPlain(value, position) },
    ]);
    return { kind: "map", entries: new Map(entries), position };
  }
  const isScalar = typeof data === "string" || typeof data === "number" || typeof data === "boolean";
  return { kind: "scalar", value: isScalar ? data : null, text: undefined, position };
}

export function formatPosition({ source, line, column }: Position): string {
  return line === undefined ? source : `${source}:${line}:${column ?? 1}`;
}

function child(node: Located | undefined, step: string | number): Located | undefined {
  if (node?.kind === "list") return node.items[Number(step)];
  return node?.kind === "map" ? node.entries.get(String(step))?.value : undefined;
}
