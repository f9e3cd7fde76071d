/** YAML text to a located tree. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type YAMLMap,
} from "yaml";
import type { Located, LocatedEntry, Position } from "./located.ts";
import { type Problem, ProblemCode } from "./problem.ts";

/** Aliases are expanded: a bound against "a billion laughs". */
const MAX_NODES = 100_000;
/** No configuration is as deep; far below what the stack holds. */
const MAX_DEPTH = 100;
const MERGE_KEY = "<<";
const TOO_DEEP = "nested too deep";

export function parseYaml(text: string, source: string, problems: Problem[]): Located | undefined {
  const counter = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: counter, uniqueKeys: true });
  const documents = Array.isArray(parsed) ? parsed : [];
  const at = (offset: number): Position => {
    const { line, col } = counter.linePos(offset);
    return { source, line: Math.max(1, line), column: Math.max(1, col) };
  };
  // What comes after the first syntax error is mostly its echo.
  const error = documents.flatMap((document) => document.errors)[0];
  if (error !== undefined) {
    const first = (error.message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");
    const message = /call stack/.test(first) ? TOO_DEEP : first;
    problems.push({ code: ProblemCode.syntax, path: [], position: at(error.pos[0]), message });
    return undefined;
  }
  if (documents.length > 1) {
    const position = at(documents[1]?.range[0] ?? 0);
    problems.push({ code: ProblemCode.syntax, path: [], position, message: "more than one YAML document" });
    return undefined;
  }
  const document = documents[0];
  const start = { source, line: 1, column: 1 };
  if (document === undefined || document.contents === null) {
    return { kind: "map", entries: new Map(), position: start };
  }
  const converter = new Converter(document, at);
  const tree = converter.convert(document.contents, start, 0);
  const { problem } = converter;
  if (problem === undefined) return tree;
  problems.push({ code: ProblemCode.syntax, path: [], ...problem });
  return undefined;
}

class Converter {
  readonly #document: Document;
  readonly #at: (offset: number) => Position;
  /** Those that are being converted: an alias within one to it would have no end. */
  readonly #open = new Set<Node>();
  #budget = MAX_NODES;
  /** The first; what is converted after it is of no use. */
  problem: { readonly position: Position; readonly message: string } | undefined;

  constructor(document: Document, at: (offset: number) => Position) {
    this.#document = document;
    this.#at = at;
  }

  convert(node: Node | null | undefined, parent: Position, depth: number): Located {
    const position = node?.range ? this.#at(node.range[0]) : parent;
    if (this.#budget-- <= 0) return this.#fail(position, `more than ${MAX_NODES} values`);
    if (depth > MAX_DEPTH) return this.#fail(position, TOO_DEEP);
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target === undefined) return this.#fail(position, `no anchor for the alias *${node.source}`);
      if (this.#open.has(target)) return this.#fail(position, `the alias *${node.source} stands in what it names`);
      return this.convert(target, position, depth + 1);
    }
    if (isMap(node)) return this.#within(node, () => this.#map(node, position, depth));
    if (isSeq(node)) {
      const items = () => node.items.map((item) => this.convert(item as Node, position, depth + 1));
      return this.#within(node, () => ({ kind: "list", items: items(), position }));
    }
    return scalar(isScalar(node) ? node.value : null, position);
  }

  #within(node: Node, convert: () => Located): Located {
    this.#open.add(node);
    const converted = convert();
    this.#open.delete(node);
    return converted;
  }

  #map(node: YAMLMap, position: Position, depth: number): Located {
    const own = new Map<string, LocatedEntry>();
    const merged = new Map<string, LocatedEntry>();
    for (const { key, value } of node.items as Pair<Node, Node | null>[]) {
      const keyPosition = key.range ? this.#at(key.range[0]) : position;
      const converted = this.convert(value, keyPosition, depth + 1);
      const name = isScalar(key) ? String(key.value) : String(key);
      if (name === MERGE_KEY && converted.kind !== "scalar") this.#merge(merged, converted);
      else own.set(name, { keyPosition, value: converted });
    }
    return { kind: "map", entries: new Map([...merged, ...own]), position };
  }

  /** YAML's merge key takes a map, or a list of them: the first that has a key gives it. */
  #merge(into: Map<string, LocatedEntry>, from: Located): void {
    if (from.kind === "list") for (const item of from.items) this.#merge(into, item);
    else if (from.kind === "map") for (const [key, entry] of from.entries) if (!into.has(key)) into.set(key, entry);
  }

  #fail(position: Position, message: string): Located {
    this.problem ??= { position, message };
    return scalar(null, position);
  }
}

function scalar(value: unknown, position: Position): Located {
  const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return { kind: "scalar", value: isPlain ? value : null, text: undefined, position };
}
