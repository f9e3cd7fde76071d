/** YAML text to a located tree. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseAllDocuments } from "yaml";
import type { Located, LocatedEntry, Position } from "./located.ts";
import { type Problem, ProblemCode } from "./problem.ts";

/** Aliases are expanded: a bound against "a billion laughs". */
const MAX_NODES = 100_000;

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
    const message = (error.message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");
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
  let budget = MAX_NODES;

  function convert(node: Node | null | undefined, parent: Position): Located {
    const position = node?.range ? at(node.range[0]) : parent;
    if (budget-- <= 0) return scalar(null, position);
    if (isAlias(node)) return convert(node.resolve(document!), position);
    if (isMap(node)) {
      const entries = node.items.map((pair) => convertPair(pair as Pair<Node, Node | null>, position));
      return { kind: "map", entries: new Map(entries), position };
    }
    if (isSeq(node))
      return { kind: "list", items: node.items.map((item) => convert(item as Node, position)), position };
    return scalar(isScalar(node) ? node.value : null, position);
  }

  function convertPair(pair: Pair<Node, Node | null>, parent: Position): [string, LocatedEntry] {
    const keyPosition = pair.key.range ? at(pair.key.range[0]) : parent;
    const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    return [key, { keyPosition, value: convert(pair.value, keyPosition) }];
  }

  const tree = convert(document.contents, start);
  if (budget <= 0) {
    problems.push({ code: ProblemCode.syntax, path: [], position: start, message: `more than ${MAX_NODES} values` });
    return undefined;
  }
  return tree;
}

function scalar(value: unknown, position: Position): Located {
  const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return { kind: "scalar", value: isPlain ? value : null, text: undefined, position };
}
