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

const REFERENCE = /\$\$|\$\{([^{}]*)\}/g;
const WHOLE = /^\$\{([^{}]*)\}$/;
/** A variable may hold references itself: as deep as a Collector follows, and no cycle. */
const MAX_DEPTH = 10;

export interface Expansion {
  readonly tree: Located;
  readonly problems: readonly Problem[];
  /** Variables that are not set and have no default. */
  readonly unset: readonly string[];
}

export function expand(root: Located, variables: Variables): Expansion {
  const problems: Problem[] = [];
  const unset = new Set<string>();

  function report(message: string, path: Path, node: Located): string {
    problems.push({ code: ProblemCode.variable, path, position: node.position, message });
    return "";
  }

  function resolve(reference: string, path: Path, node: Located): string {
    const [, scheme = "env", rest = ""] = /^(?:([a-z][a-z0-9+.-]+):)?(.*)$/s.exec(reference) ?? [];
    if (scheme === "yaml") return rest;
    if (scheme === "file") return readFile(rest, path, node);
    if (scheme !== "env") return report(`"${scheme}" is no provider: env, file and yaml are`, path, node);
    const split = rest.indexOf(":-");
    const name = split < 0 ? rest : rest.slice(0, split);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return report(`"${name}" is no name of a variable`, path, node);
    const value = variables.env(name);
    if (value !== undefined && (value !== "" || split < 0)) return value;
    if (split >= 0) return rest.slice(split + 2);
    unset.add(name);
    return "";
  }

  function readFile(name: string, path: Path, node: Located): string {
    try {
      return variables.file(name);
    } catch (error) {
      return report(`can't read ${name}: ${messageOf(error)}`, path, node);
    }
  }

  function expandText(text: string, path: Path, node: Located, depth: number): string {
    if (depth > MAX_DEPTH) return report("variables refer to each other without end", path, node);
    return text.replace(REFERENCE, (match, reference: string | undefined) => {
      if (match === "$$" || reference === undefined) return "$";
      return expandText(resolve(reference, path, node), path, node, depth + 1);
    });
  }

  /** A value that is nothing but a reference takes the type that its text has in YAML, and may be a map or a list. */
  function expandWhole(reference: string, path: Path, node: Located): Located {
    const before = problems.length;
    const text = expandText(resolve(reference, path, node), path, node, 1);
    if (problems.length > before || text === "") return { ...scalar(null, node), text };
    const ignored: Problem[] = [];
    const parsed = parseYaml(text, node.position.source, ignored);
    if (parsed === undefined || (parsed.kind === "map" && parsed.entries.size === 0)) return scalar(text, node);
    if (parsed.kind === "scalar") return { ...scalar(parsed.value, node), text };
    return moveTo(parsed, node);
  }

  function walk(node: Located, path: Path): Located {
    if (node.kind === "list") return { ...node, items: node.items.map((item, index) => walk(item, [...path, index])) };
    if (node.kind === "map") {
      const entries = [...node.entries].map(([key, entry]): [string, LocatedEntry] => [
        key,
        { ...entry, value: walk(entry.value, [...path, key]) },
      ]);
      return { ...node, entries: new Map(entries) };
    }
    if (typeof node.value !== "string" || !node.value.includes("$")) return node;
    const whole = WHOLE.exec(node.value)?.[1];
    if (whole !== undefined) return expandWhole(whole, path, node);
    return scalar(expandText(node.value, path, node, 0), node);
  }

  const tree = walk(root, []);
  return { tree, problems, unset: [...unset] };
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
