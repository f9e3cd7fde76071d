/** The truth table, for the terminal and for docs/truth.md, and what was wrong, for who is to mend it. */
import type { Row } from "./rows.ts";
import { type Expectation, type Mistake, precisionOf, recallOf, type Score } from "./score.ts";
import type { TruthSpan } from "./truth-span.ts";

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
    String(row.inFlight),
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
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** Wrong parents with both ids and who did what, and calls without a parent with their candidates. */
export function findings(
  results: readonly Result[],
  limits: { readonly listed: number; readonly unjoinedListed: number },
): string {
  let text = "";
  for (const { program, row, score } of results) {
    const where = `${program} / ${row.shape} / ${row.work} / ${row.inFlight}`;
    for (const mistake of score.mistakes.slice(0, limits.listed)) text += `  WRONG ${where}: ${describe(mistake)}\n`;
    const more = score.mistakes.length - limits.listed;
    if (more > 0) text += `  WRONG ${where}: and ${more} more (--mistakes N lists more)\n`;
    for (const call of score.orphans.slice(0, limits.unjoinedListed))
      text += `  unjoined ${where}: ${nameOf(call)}, candidates: ${candidates(call)}\n`;
  }
  return text;
}

function describe({ span, parent, truth }: Mistake): string {
  const truthName = truth === undefined ? "a span that was not found" : nameOf(truth);
  const parentName = parent === undefined ? `${span.parentSpanId}, which is not of this run` : nameOf(parent);
  return `by ${span.evidence}: ${nameOf(span)} was put under ${parentName}; it belongs to ${truthName}`;
}

function nameOf(span: TruthSpan): string {
  return `${span.side} ${span.id} (span ${span.spanId}, thread ${span.threadId}, coroutine ${span.coroutineId})`;
}

function candidates(span: TruthSpan): string {
  return span.links.map((link) => `${link.spanId} by ${link.evidence}`).join(", ") || "none";
}

export function tableOf(results: readonly Result[], skipped: readonly string[]): string {
  const programs = [...new Set(results.map(({ program }) => program))];
  const wrong = findings(results, { listed: 10, unjoinedListed: 0 }).trimEnd();
  const lines = [
    "# How true the parents are",
    "",
    "Written by `npm run truth -- --write`. Each program carries an id per call in the URL path, the name of a gRPC",
    "method, a key of Redis or a column's name in SQL, which the joiner never looks at; the harness compares every parent with it.",
    "Precision is right / (right + wrong), recall is right / all calls that the program under test made; a trace is whole when all its spans are there and every parent is right. `evidence` counts the joined calls",
    "(right/wrong where any was wrong); [joining.md](joining.md) says what each proves.",
    "",
    "Work is what a handler does before each call: nothing, burn 1 ms of CPU, sleep by the runtime's own timer, read a file.",
    ...SHAPES.map(([shape, meaning]) => `- **${shape}**: ${meaning}`),
    "",
    "`npm run truth -- --all` runs every row, `--program`, `--shape`, `--work` and `--in-flight` choose; `--list` says from what.",
    "",
    "## All programs",
    "",
    "| program | rows | precision | calls joined | wrong | recall of chain at 64: none, cpu, sleep, file |",
    "|---|---|---|---|---|---|",
    ...programs.map(
      (program) => `| ${summaryOf(results.filter((result) => result.program === program)).join(" | ")} |`,
    ),
    "",
    ...programs.flatMap((program) => section(results.filter((result) => result.program === program))),
    ...(wrong === "" ? [] : ["## Wrong parents", "", ...wrong.split("\n").map((line) => `- ${line.trim()}`), ""]),
    ...(skipped.length === 0 ? [] : ["## Left out", "", ...skipped.map((reason) => `- ${reason}`), ""]),
  ];
  return lines.join("\n");
}

/** What each shape asks of a program, for who reads the table. */
const SHAPES: readonly (readonly [shape: string, meaning: string])[] = [
  ["first 5", "the first five requests to a program that was just started"],
  ["chain", "one call for each request"],
  ["fan-out, sequence", "three calls, at once or one after the other"],
  [
    "fan-out after one wait",
    "the work is done once, before three calls at once; elsewhere it is done before each of them",
  ],
  ["after the answer", "the call, or three of them, is made when the request has been answered: nobody waits for it"],
  ["goes on 2 s, 20 s", "the handler goes on for so long after its call"],
  ["queued calls", "four upstream connections for all requests"],
  ["slow and fast", "every fourth call takes 100 to 340 ms, the others few"],
  ["long poll, stream", "calls are answered after 1.5 s, or in eight parts over 400 ms"],
  ["retries, timeouts", "each call is made twice, the first time for a 503; or given up after 150 ms"],
  ["attach", "sockspan starts when all connections are open and were used"],
  ["pipelining", "four requests at once on one connection"],
];

function summaryOf(results: readonly Result[]): string[] {
  const sum = (of: (score: Score) => number) => results.reduce((total, { score }) => total + of(score), 0);
  const right = sum((score) => score.right);
  const wrong = sum((score) => score.wrong);
  const chain = ["none", "cpu", "sleep", "file"].map((work) => {
    const found = results.find(({ row }) => row.shape === "chain" && row.work === work && row.inFlight === 64);
    return found === undefined ? "-" : percent(recallOf(found.score, found.expectation));
  });
  const precision = right + wrong === 0 ? "-" : percent(right / (right + wrong));
  return [
    results[0]!.program,
    String(results.length),
    precision,
    String(right + wrong),
    String(wrong),
    chain.join(", "),
  ];
}

function section(results: readonly Result[]): string[] {
  const [, ...columns] = HEAD;
  return [
    `## ${results[0]!.program}`,
    "",
    `| ${columns.join(" | ")} |`,
    `|${columns.map(() => "---").join("|")}|`,
    ...results.map((result) => `| ${cells(result).slice(1).join(" | ")} |`),
    "",
  ];
}
