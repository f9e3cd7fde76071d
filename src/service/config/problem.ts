/** What can be wrong with a configuration. All problems are found in one go and reported together. */
import { SockspanError } from "../../error.ts";
import { escapeText } from "../../escape.ts";
import { formatPosition, type Path, type Position } from "./located.ts";

export const ProblemCode = {
  syntax: "CONFIG_SYNTAX",
  unreadable: "CONFIG_UNREADABLE",
  unknownKey: "CONFIG_UNKNOWN_KEY",
  badValue: "CONFIG_BAD_VALUE",
  unknownComponent: "CONFIG_UNKNOWN_COMPONENT",
  undefinedComponent: "CONFIG_UNDEFINED_COMPONENT",
  pipeline: "CONFIG_PIPELINE",
  variable: "CONFIG_VARIABLE",
} as const;
export type ProblemCode = (typeof ProblemCode)[keyof typeof ProblemCode];

export interface Problem {
  readonly code: ProblemCode;
  readonly path: Path;
  readonly position: Position;
  readonly message: string;
  /** The nearest right word. */
  readonly suggestion?: string | undefined;
}

/** The configuration can't be used; the message lists every problem, one a line. */
export class ConfigInvalidError extends SockspanError {
  readonly code = "CONFIG_INVALID";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(
      ["the configuration can't be used", ...problems.map(formatProblem)].join("\n"),
      "Correct the lines named above; `sockspan validate` checks without starting anything.",
    );
    this.problems = problems;
  }
}

export function formatProblem({ code, path, position, message, suggestion }: Problem): string {
  const where = `${escapeText(formatPosition(position))}: `;
  const what = path.length === 0 ? "" : `${escapeText(formatPath(path))}: `;
  const hint = suggestion === undefined ? "" : `, did you mean "${escapeText(suggestion)}"?`;
  return `${where}${what}${escapeText(message)}${hint} [${code}]`;
}

export function formatPath(path: Path): string {
  let text = "";
  for (const step of path) text += typeof step === "number" ? `[${step}]` : `${text === "" ? "" : "."}${step}`;
  return text;
}
