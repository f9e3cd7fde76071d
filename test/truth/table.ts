/** The truth table, for the terminal and for docs/truth.md. */
import type { Row } from "./rows.ts";
import { type Expectation, precisionOf, recallOf, type Score } from "./score.ts";

export interface Result {
  readonly program: string;
  readonly row: Row;
  readonly failed: number;
  readonly expectation: Expectation;
  readonly score: Score;
}

const HEAD = [
  "program",
  "shape",
  "work",
  "in flight",
  "spans",
  "precision",
  "recall",
  "whole traces",
  "unjoined",
  "evidence",
];

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0.99 && share < 1 ? 2 : 1)} %`;
}

function evidenceOf(score: Score): string {
  const parts = [...score.byEvidence].sort((a, b) => b[1].right + b[1].wrong - a[1].right - a[1].wrong);
  return parts
    .map(([name, { right, wrong }]) => (wrong > 0 ? `${name} ${right}/${wrong}` : `${name} ${right}`))
    .join(", ");
}

function cells({ program, row, failed, expectation, score }: Result): string[] {
  const spans = `${score.spansFound}/${score.spansExpected}${failed > 0 ? ` (${failed} requests failed)` : ""}`;
  return [
    program,
    row.shape,
    row.work,
    String(row.concurrency),
    spans,
    percent(precisionOf(score)),
    percent(recallOf(score, expectation)),
    percent(score.tracesWhole / score.tracesExpected),
    String(score.unjoined),
    evidenceOf(score),
  ];
}

export function printTable(results: readonly Result[]): string {
  const rows = [HEAD, ...results.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  let text = rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
  for (const { program, row, score } of results)
    for (const mistake of score.mistakes)
      text += `\nwrong: ${program} ${row.shape} ${row.work} ${row.concurrency}: ${mistake}`;
  return `${text}\n`;
}

export function tableOf(results: readonly Result[], skipped: readonly string[]): string {
  const lines = [
    "# How true the parents are",
    "",
    "Written by `npm run truth -- --write`. Each program carries an id per call in the URL path, which the joiner never looks at;",
    "the harness compares every parent with it. Precision is right / (right + wrong), recall is right / all calls that the program",
    "under test made; a trace is whole when all its spans are there and every parent is right. `evidence` counts the joined calls",
    "(right/wrong where any was wrong).",
    "",
    `| ${HEAD.join(" | ")} |`,
    `|${HEAD.map(() => "---").join("|")}|`,
    ...results.map((result) => `| ${cells(result).join(" | ")} |`),
    "",
    ...skipped.map((reason) => `Skipped ${reason}`),
  ];
  return `${lines.join("\n")}\n`;
}
