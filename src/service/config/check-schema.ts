/** A part of the tree against a zod schema, its problems in our words: path, bad value, place, nearest right word. */
import type { z } from "zod";
import { childAt, keyPositionAt, type Located, type Path, positionAt, toPlain } from "./located.ts";
import { type Problem, ProblemCode } from "./problem.ts";
import { isSecretPath } from "./redact.ts";
import { nearest } from "./suggest.ts";

/** The decoded value, or undefined after the problems were added. */
export function checkSchema(
  schema: z.ZodType,
  root: Located,
  path: Path,
  problems: Problem[],
): { readonly value: unknown } | undefined {
  const tree = childAt(root, path);
  const isAbsent = tree === undefined || (tree.kind === "scalar" && tree.value === null);
  const plain = isAbsent ? {} : toPlain(tree);
  let result = schema.safeParse(plain);
  for (const mend of [restoreTexts, emptyMaps]) {
    if (result.success || tree === undefined || !mend(plain, result.error.issues, tree)) continue;
    result = schema.safeParse(plain);
  }
  if (result.success) return { value: result.data };
  for (const issue of flatten(result.error.issues)) problems.push(...describe(issue, schema, root, path));
  return undefined;
}

/** `${env:PASSWORD}` with 0123 was taken for a number; where a string is wanted, the text is what was meant. */
function restoreTexts(plain: unknown, issues: readonly z.core.$ZodIssue[], tree: Located): boolean {
  let changed = false;
  for (const issue of flatten(issues)) {
    const node = childAt(tree, issue.path.map(toStep));
    if (issue.code !== "invalid_type" || issue.expected !== "string") continue;
    if (node?.kind !== "scalar" || node.text === undefined) continue;
    changed = assign(plain, issue.path.map(toStep), node.text) || changed;
  }
  return changed;
}

/** A map whose every line is a comment is an empty value to YAML. */
function emptyMaps(plain: unknown, issues: readonly z.core.$ZodIssue[], tree: Located): boolean {
  let changed = false;
  for (const issue of flatten(issues)) {
    const path = issue.path.map(toStep);
    const node = childAt(tree, path);
    if (issue.code !== "invalid_type" || issue.expected !== "object") continue;
    if (node?.kind === "scalar" && node.value === null) changed = assign(plain, path, {}) || changed;
  }
  return changed;
}

function assign(target: unknown, path: Path, value: string | object): boolean {
  let holder = target;
  for (const step of path.slice(0, -1)) holder = (holder as Record<string | number, unknown> | undefined)?.[step];
  const last = path.at(-1);
  if (typeof holder !== "object" || holder === null || last === undefined) return false;
  (holder as Record<string | number, unknown>)[last] = value;
  return true;
}

/** Of a union, the problems of the alternative that came furthest say most. */
function flatten(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
    const depth = (list: readonly z.core.$ZodIssue[]) => Math.max(0, ...list.map((inner) => inner.path.length));
    const deepest = issue.errors.reduce((best, list) => (depth(list) > depth(best) ? list : best));
    if (depth(deepest) === 0) return [issue];
    return flatten(deepest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })));
  });
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType, root: Located, base: Path): Problem[] {
  const inner = issue.path.map(toStep);
  const path = [...base, ...inner];
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schemaAt(schema, inner));
    return issue.keys.map((key) => ({
      code: ProblemCode.unknownKey,
      path: [...path, key],
      position: keyPositionAt(root, [...path, key]),
      message: `unknown key "${key}"${known.length === 0 ? ", none is known here" : ""}`,
      suggestion: nearest(key, known),
    }));
  }
  const node = childAt(root, path);
  const position = positionAt(root, path);
  if (node === undefined && inner.length > 0 && issue.code === "invalid_type") {
    return [{ code: ProblemCode.badValue, path, position, message: "is required and missing" }];
  }
  const shown = node === undefined ? "nothing" : showValue(node, path);
  const choices = issue.code === "invalid_value" ? issue.values.map(String) : choicesOf(schemaAt(schema, inner));
  const isWord = node?.kind === "scalar" && typeof node.value === "string";
  return [
    {
      code: ProblemCode.badValue,
      path,
      position,
      message: isSentence(issue)
        ? node === undefined
          ? issue.message
          : `${shown}: ${issue.message}`
        : `${shown} is ${explain(issue, choices)}`,
      suggestion: isWord ? nearest(String(node.value), choices) : undefined,
    },
  ];
}

/** Of a check of several settings; others say what the value is. */
function isSentence(issue: z.core.$ZodIssue): boolean {
  return issue.code === "custom" && !/^(?:not|too|below) /.test(issue.message);
}

function explain(issue: z.core.$ZodIssue, choices: readonly string[]): string {
  if (choices.length > 0) return `none of ${choices.join(", ")}`;
  if (issue.code === "invalid_type")
    return `not ${issue.expected === "record" ? "a map" : withArticle(issue.expected)}`;
  if (issue.code === "too_small") return bound(issue.origin, "small", "short", `at least ${issue.minimum}`, "needed");
  if (issue.code === "too_big") return bound(issue.origin, "big", "long", `at most ${issue.maximum}`, "allowed");
  if (issue.code === "invalid_union") return issue.message;
  return issue.code === "custom" ? issue.message : `not valid: ${issue.message}`;
}

/** Of a number, or of the length of something. */
function bound(origin: string, number: string, length: string, limit: string, verb: string): string {
  const isOne = / 1$/.test(limit);
  const units = isOne ? ["character", "entry"] : ["characters", "entries"];
  const unit = origin === "string" ? units[0] : origin === "array" ? units[1] : undefined;
  if (unit === undefined) return `too ${number}, ${limit} is ${verb}`;
  return `too ${length}, ${limit} ${unit} ${isOne ? "is" : "are"} ${verb}`;
}

function withArticle(type: string): string {
  const named = type === "object" ? "map" : type === "array" ? "list" : type;
  return `${/^[aeiou]/.test(named) ? "an" : "a"} ${named}`;
}

function showValue(node: Located, path: Path): string {
  if (node.kind === "map") return "a map";
  if (node.kind === "list") return "a list";
  if (isSecretPath(path)) return "[REDACTED]";
  return node.value === null ? "an empty value" : JSON.stringify(node.text ?? node.value);
}

/** What zod keeps under `def`, as far as it is walked here. */
interface Definition {
  readonly type: string;
  readonly shape?: Record<string, z.ZodType>;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly entries?: Record<string, string>;
  readonly values?: readonly unknown[];
}

function unwrap(schema: z.ZodType | undefined): Definition[] {
  if (schema === undefined) return [];
  const definition = schema.def as Definition;
  if (definition.type === "pipe") return unwrap(definition.in);
  if (definition.innerType !== undefined) return unwrap(definition.innerType);
  return definition.options === undefined ? [definition] : definition.options.flatMap(unwrap);
}

function schemaAt(schema: z.ZodType, path: Path): Definition[] {
  let found = unwrap(schema);
  for (const step of path) {
    found = found.flatMap(({ shape, element, valueType }) => unwrap(shape?.[String(step)] ?? element ?? valueType));
  }
  return found;
}

function knownKeys(definitions: readonly Definition[]): string[] {
  return definitions.flatMap(({ shape }) => Object.keys(shape ?? {}));
}

function choicesOf(definitions: readonly Definition[]): string[] {
  const words = definitions.flatMap(({ type, entries, values }) => {
    if (type === "enum") return Object.values(entries ?? {});
    return type === "literal" ? (values ?? []).map(String) : [undefined];
  });
  return words.every((word) => word !== undefined) ? words : [];
}

function toStep(step: PropertyKey): string | number {
  return typeof step === "number" ? step : String(step);
}
