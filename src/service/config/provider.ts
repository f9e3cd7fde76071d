/** Where a configuration comes from: `--config` as file, `file:`, `env:` or `yaml:`, and `--set`. */

import { messageOf } from "../../error.ts";
import type { Variables } from "./expand.ts";
import { type Located, nest, type Position } from "./located.ts";
import { parseYaml } from "./parse-yaml.ts";
import { type Problem, ProblemCode } from "./problem.ts";

/** `--config LOCATION`: a path, `file:PATH`, `env:NAME`, or `yaml:processors::batch::timeout: 2s`. */
export function readLocation(location: string, variables: Variables, problems: Problem[]): Located | undefined {
  const [, scheme = "file", rest = ""] = /^(?:([a-z]{2,}):)?(.*)$/s.exec(location) ?? [];
  if (scheme === "yaml") return parseYaml(expandKeys(rest), "yaml:", problems);
  if (scheme === "env") return readVariable(rest, variables, problems);
  if (scheme === "file") return readFile(rest, variables, problems);
  report(problems, location, `"${scheme}" is no provider: file, env and yaml are`);
  return undefined;
}

/** `--set processors.batch.timeout=2s`: the value is YAML. */
export function readSetting(setting: string, problems: Problem[]): Located | undefined {
  const split = setting.indexOf("=");
  // Without the value: it may be a secret.
  const source = `--set ${split < 0 ? setting : setting.slice(0, split)}`;
  const position: Position = { source, line: undefined, column: undefined };
  const keys = setting.slice(0, Math.max(0, split)).split(/[.]|::/);
  if (keys.some((key) => key === "")) {
    report(problems, source, "write it as --set key.key=value");
    return undefined;
  }
  const text = setting.slice(split + 1);
  const value = parseYaml(text, source, problems);
  if (value === undefined) return undefined;
  const isEmpty = value.kind === "map" && value.entries.size === 0 && text.trim() === "";
  return nest(
    keys,
    isEmpty ? { kind: "scalar", value: null, text: "", position } : withoutLines(value, position),
    position,
  );
}

function readVariable(name: string, variables: Variables, problems: Problem[]): Located | undefined {
  const text = variables.env(name);
  if (text !== undefined) return parseYaml(text, `env:${name}`, problems);
  report(problems, `env:${name}`, "the variable is not set");
  return undefined;
}

function readFile(path: string, variables: Variables, problems: Problem[]): Located | undefined {
  let text: string;
  try {
    text = variables.file(path);
  } catch (error) {
    report(problems, path, messageOf(error));
    return undefined;
  }
  return parseYaml(text, path, problems);
}

function report(problems: Problem[], source: string, message: string): void {
  problems.push({
    code: ProblemCode.unreadable,
    path: [],
    position: { source, line: undefined, column: undefined },
    message,
  });
}

/** `a::b: 1` is short for a map in a map. */
function expandKeys(text: string): string {
  const key = /^[^\s:]+(?:::[^\s:]+)+(?=:(?:\s|$))/.exec(text)?.[0];
  if (key === undefined) return text;
  const lines = key.split("::").map((part, depth) => `${" ".repeat(depth)}${part}`);
  return `${lines.join(":\n")}${text.slice(key.length)}`;
}

function withoutLines(tree: Located, position: Position): Located {
  if (tree.kind === "scalar") return { ...tree, position };
  if (tree.kind === "list") return { ...tree, position, items: tree.items.map((item) => withoutLines(item, position)) };
  const entries = [...tree.entries].map(
    ([key, { value }]) => [key, { keyPosition: position, value: withoutLines(value, position) }] as const,
  );
  return { ...tree, position, entries: new Map(entries) };
}
