/** Which programs and rows a run measures, by the command line. */
import { parseArgs } from "node:util";
import type { Row } from "./rows.ts";

export interface Selection {
  /** Every row; else, without a filter on rows, the default ones. */
  readonly isAll: boolean;
  /** Undefined: all. A name ending in `*` means all that begin so. */
  readonly programs: readonly string[] | undefined;
  readonly shapes: readonly string[] | undefined;
  readonly works: readonly string[] | undefined;
  readonly inFlight: readonly number[] | undefined;
  /** Write docs/truth.md. */
  readonly write: boolean;
  readonly keep: boolean;
  /** How many wrong parents and how many calls without one are listed for each row. */
  readonly listed: number;
  readonly unjoinedListed: number;
  readonly settings: readonly string[];
}

export const USAGE = `npm run truth -- [--all] [--program NAME,PREFIX*] [--shape S,S] [--work none,cpu,sleep,file] [--in-flight 1,16,64]
  [--mistakes N] [--unjoined N] [--write] [--keep] [--set a.b=c]... [--list]
Without a filter on rows the most telling ones run, with --all every one.`;

export function parseSelection(args: readonly string[]): Selection & { readonly list: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      all: { type: "boolean", default: false },
      program: { type: "string" },
      shape: { type: "string" },
      work: { type: "string" },
      "in-flight": { type: "string" },
      mistakes: { type: "string", default: "10" },
      unjoined: { type: "string", default: "0" },
      write: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      set: { type: "string", multiple: true, default: [] },
    },
  });
  return {
    isAll: values.all,
    programs: values.program?.split(","),
    shapes: values.shape?.split(","),
    works: values.work?.split(","),
    inFlight: values["in-flight"]?.split(",").map(Number),
    listed: Number(values.mistakes),
    unjoinedListed: Number(values.unjoined),
    write: values.write,
    keep: values.keep,
    list: values.list || values.help,
    settings: values.set,
  };
}

export function wantsProgram(selection: Selection, name: string): boolean {
  return matches(selection.programs, name);
}

export function wantsRow(selection: Selection, row: Row): boolean {
  const { shapes, works, inFlight, isAll } = selection;
  if (!matches(shapes, row.shape) || !matches(works, row.work)) return false;
  if (inFlight !== undefined && !inFlight.includes(row.inFlight)) return false;
  return isAll || row.isDefault || shapes !== undefined || works !== undefined || inFlight !== undefined;
}

function matches(patterns: readonly string[] | undefined, name: string): boolean {
  if (patterns === undefined) return true;
  return patterns.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name));
}
