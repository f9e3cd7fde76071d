/** `${env:NAME:-default}` and its kin in the values of a tree; `$$` is a dollar sign. */
import { messageOf } from "../../error.ts";
import type { Located, LocatedEntry, Path } from "./located.ts";
import { parseYaml } from "./parse-yaml.ts";
import { type Problem, ProblemCode } from "./problem.ts";

export interface Variables {
  env(name: string): string | undefined;
  /** Throws where the file can't be read. */
  file(path: string): string;
}

/** A dollar sign of its own, or one that opens a reference. */
const DOLLAR = /\$\$|\$\{/g;
/** A variable may hold references itself: as deep as a Collector follows, and no cycle. */
const MAX_DEPTH = 10;

export interface Expansion {
  readonly tree: Located;
  readonly problems: readonly Problem[];
  /** Variables that are not set and have no default, and where they were wanted. */
  readonly unset: ReadonlyMap<string, readonly Path[]>;
}

export function expand(root: Located, variables: Variables): Expansion {
  const expander = new Expander(variables);
  const tree = expander.walk(root, []);
  return { tree, problems: expander.problems, unset: expander.unset };
}

class Expander {
  readonly problems: Problem[] = [];
  readonly unset = new Map<string, Path[]>();
  readonly #variables: Variables;

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  walk(node: Located, path: Path): Located {
    if (node.kind === "list") {
      return { ...node, items: node.items.map((item, index) => this.walk(item, [...path, index])) };
    }
    if (node.kind === "map") {
      const entries = [...node.entries].map(([key, entry]): [string, LocatedEntry] => [
        key,
        { ...entry, value: this.walk(entry.value, [...path, key]) },
      ]);
      return { ...node, entries: new Map(entries) };
    }
    if (typeof node.value !== "string" || !node.value.includes("$")) return node;
    const first = nextDollar(node.value, 0);
    const isWhole = first?.start === 0 && first.end === node.value.length;
    if (isWhole && first.reference !== undefined) return this.#whole(first.reference, path, node);
    return scalar(this.#text(node.value, path, node, 0), node);
  }

  /** A value that is nothing but a reference takes the type that its text has in YAML, and may be a map or a list. */
  #whole(reference: string, path: Path, node: Located): Located {
    const before = this.problems.length;
    const text = this.#reference(reference, path, node, 0);
    if (this.problems.length > before || text === "") return { ...scalar(null, node), text };
    const ignored: Problem[] = [];
    const parsed = parseYaml(text, node.position.source, ignored);
    if (parsed === undefined || (parsed.kind === "map" && parsed.entries.size === 0)) return scalar(text, node);
    if (parsed.kind === "scalar") return { ...scalar(parsed.value, node), text };
    return moveTo(parsed, node);
  }

  #text(text: string, path: Path, node: Located, depth: number): string {
    if (depth > MAX_DEPTH) return this.#report("variables refer to each other without end", path, node);
    let expanded = "";
    let from = 0;
    for (let found = nextDollar(text, 0); found !== undefined; found = nextDollar(text, from)) {
      expanded += text.slice(from, found.start);
      from = found.end;
      expanded += found.reference === undefined ? "$" : this.#reference(found.reference, path, node, depth);
    }
    return expanded + text.slice(from);
  }

  /** References within one are expanded first; those of a default only where it is taken. */
  #reference(reference: string, path: Path, node: Located, depth: number): string {
    const [, name, fallback] = /^((?:env:)?[^$:]*):-(.*)$/s.exec(reference) ?? [];
    if (name === undefined || fallback === undefined) {
      const inner = this.#text(reference, path, node, depth + 1);
      return this.#text(this.#resolve(inner, path, node), path, node, depth + 1);
    }
    // With a default, though an empty one, it is no matter that the variable is not set.
    const value = this.#resolve(`${name}:-`, path, node);
    return this.#text(value === "" ? fallback : value, path, node, depth + 1);
  }

  #resolve(reference: string, path: Path, node: Located): string {
    const [, scheme = "env", rest = ""] = /^(?:([a-z][a-z0-9+.-]+):)?(.*)$/s.exec(reference) ?? [];
    if (scheme === "yaml") return rest;
    if (scheme === "file") return this.#file(rest, path, node);
    if (scheme !== "env") return this.#report(`"${scheme}" is no provider: env, file and yaml are`, path, node);
    const split = rest.indexOf(":-");
    const name = split < 0 ? rest : rest.slice(0, split);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return this.#report(`"${name}" is no name of a variable`, path, node);
    const value = this.#variables.env(name);
    if (value !== undefined && (value !== "" || split < 0)) return value;
    if (split >= 0) return rest.slice(split + 2);
    this.unset.set(name, [...(this.unset.get(name) ?? []), path]);
    return "";
  }

  #file(name: string, path: Path, node: Located): string {
    try {
      return this.#variables.file(name);
    } catch (error) {
      return this.#report(`can't read ${name}: ${messageOf(error)}`, path, node);
    }
  }

  #report(message: string, path: Path, node: Located): string {
    this.problems.push({ code: ProblemCode.variable, path, position: node.position, message });
    return "";
  }
}

interface Dollar {
  readonly start: number;
  readonly end: number;
  /** What stands between the braces; undefined: an escaped dollar sign. */
  readonly reference: string | undefined;
}

/** The next escape or whole reference; one that is never closed is text. */
function nextDollar(text: string, from: number): Dollar | undefined {
  DOLLAR.lastIndex = from;
  for (let match = DOLLAR.exec(text); match !== null; match = DOLLAR.exec(text)) {
    const start = match.index;
    if (match[0] === "$$") return { start, end: start + 2, reference: undefined };
    const end = closingBrace(text, start + 2);
    if (end !== undefined) return { start, end: end + 1, reference: text.slice(start + 2, end) };
  }
  return undefined;
}

function closingBrace(text: string, from: number): number | undefined {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text.startsWith("${", at)) depth++;
    else if (text[at] === "}" && --depth === 0) return at;
  }
  return undefined;
}

function scalar(value: string | number | boolean | null, node: Located) {
  return { kind: "scalar", value, text: undefined, position: node.position } as const;
}

function moveTo(tree: Located, { position }: Located): Located {
  if (tree.kind === "scalar") return { ...tree, position };
  if (tree.kind === "list")
    return { ...tree, position, items: tree.items.map((item) => moveTo(item, { ...item, position })) };
  const entries = [...tree.entries].map(([key, entry]): [string, LocatedEntry] => [
    key,
    { keyPosition: position, value: moveTo(entry.value, { ...entry.value, position }) },
  ]);
  return { ...tree, position, entries: new Map(entries) };
}
