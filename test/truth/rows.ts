/** The rows of the truth table: what is asked of each program that can do it. */
import { type Ability, AMPLE_POOL, type Program } from "./catalogue/program.ts";

/** What a handler does between reading its request and calling on. */
export type Work = "none" | "cpu" | "sleep" | "file";
const WORKS: readonly Work[] = ["none", "cpu", "sleep", "file"];

export interface Row {
  readonly shape: string;
  readonly work: Work;
  readonly inFlight: number;
  readonly requests: number;
  /** Calls that a request makes, by its own hand. */
  readonly calls: number;
  /** How often each call is made. */
  readonly attempts: number;
  readonly needs: readonly Ability[];
  /** What is called has to be slow, to fail or to answer in parts: only the HTTP server does so when it is told to. */
  readonly tellsLeaf: boolean;
  /** Upstream connections that the program may hold; small: calls queue. */
  readonly pool: number;
  /** Requests that are sent on one connection without waiting for answers. */
  readonly pipelined: number;
  /**
   * When sockspan starts and what has happened before: shared with other rows; a program that was just started; or a
   * program whose connections, on both sides, are open and were used before sockspan looked.
   */
  readonly start: "shared" | "fresh" | "attach";
  /** Part of a run without filters. */
  readonly isDefault: boolean;
  /** The query of the request with this number. */
  query(index: number): string;
}

type Options = Partial<Omit<Row, "shape" | "work" | "inFlight" | "query">> & {
  readonly extra?: string | ((index: number) => string);
};

function requestsFor(inFlight: number): number {
  return inFlight === 1 ? 60 : inFlight <= 16 ? 400 : 800;
}

function row(shape: string, work: Work, inFlight: number, options: Options = {}): Row {
  const { extra = "", ...rest } = options;
  const calls = options.calls ?? 1;
  const workNeeds: readonly Ability[] = work === "none" ? [] : work === "sleep" ? ["sleep"] : ["busy"];
  return {
    requests: requestsFor(inFlight),
    attempts: 1,
    pool: AMPLE_POOL,
    pipelined: 1,
    tellsLeaf: false,
    start: "shared",
    isDefault: false,
    ...rest,
    shape,
    work,
    inFlight,
    calls,
    needs: [...workNeeds, ...(options.needs ?? [])],
    query: (index) => `w=${work}&n=${calls}${typeof extra === "string" ? extra : extra(index)}`,
  };
}

/** What a user who tries it first sees: a handful of requests to a program that was just started. */
function firstRequests(): Row[] {
  return [
    row("first 5", "none", 1, { requests: 5, start: "fresh", isDefault: true }),
    row("first 5", "sleep", 1, { requests: 5, start: "fresh" }),
    row("first 5", "none", 5, { requests: 5, start: "fresh" }),
    row("first 5", "sleep", 5, { requests: 5, start: "fresh", isDefault: true }),
  ];
}

function rowsAt(inFlight: number): Row[] {
  const isFull = inFlight === 64;
  const rows = WORKS.map((work) => row("chain", work, inFlight, { isDefault: isFull || work === "none" }));
  for (const work of WORKS) {
    rows.push(
      row("fan-out", work, inFlight, {
        calls: 3,
        extra: "&m=par",
        needs: ["calls", "parallel"],
        isDefault: isFull && work === "sleep",
      }),
      row("fan-out after one wait", work, inFlight, {
        calls: 3,
        extra: "&m=together",
        needs: ["calls", "waits_once"],
        isDefault: isFull && work === "sleep",
      }),
      row("sequence", work, inFlight, { calls: 3, needs: ["calls"], isDefault: isFull && work === "sleep" }),
      row("after the answer", work, inFlight, {
        extra: "&m=after",
        needs: ["after"],
        isDefault: isFull && work === "none",
      }),
      row("three after the answer", work, inFlight, {
        calls: 3,
        extra: "&m=after",
        needs: ["calls", "after"],
        isDefault: isFull && work === "none",
      }),
    );
  }
  rows.push(
    row("goes on 2 s", "sleep", inFlight, {
      requests: inFlight * 2,
      extra: "&p=2000",
      needs: ["lingers"],
      isDefault: isFull,
    }),
    row("goes on 20 s", "sleep", inFlight, { requests: inFlight, extra: "&p=20000", needs: ["lingers"] }),
    row("slow and fast", "none", inFlight, {
      extra: (index) => (index % 4 === 0 ? `&d=${100 + (index % 7) * 40}` : ""),
      tellsLeaf: true,
      isDefault: isFull,
    }),
    row("long poll", "none", inFlight, {
      requests: inFlight * 2,
      extra: "&d=1500",
      tellsLeaf: true,
      isDefault: isFull,
    }),
    row("stream", "none", inFlight, { requests: inFlight * 2, extra: "&s=8", tellsLeaf: true, isDefault: isFull }),
    row("retries", "none", inFlight, {
      attempts: 2,
      extra: "&r=1",
      tellsLeaf: true,
      needs: ["retries"],
      isDefault: inFlight === 16,
    }),
    row("timeouts", "none", inFlight, {
      requests: inFlight * 3,
      extra: "&d=2000&t=150",
      tellsLeaf: true,
      needs: ["gives_up"],
      isDefault: inFlight === 16,
    }),
    row("attach", "none", inFlight, { start: "attach", isDefault: inFlight === 16 }),
    row("attach", "sleep", inFlight, { start: "attach" }),
  );
  if (inFlight > 1) {
    rows.push(
      row("queued calls", "none", inFlight, { pool: 4, needs: ["pool"], isDefault: isFull }),
      row("queued calls", "sleep", inFlight, { pool: 4, needs: ["pool"] }),
      row("pipelining", "none", inFlight, { pipelined: 4, isDefault: inFlight === 16 }),
    );
  }
  return rows;
}

export function allRows(): readonly Row[] {
  return [...firstRequests(), ...[1, 16, 64].flatMap(rowsAt)];
}

export function canRun(program: Program, row: Row): boolean {
  if (program.lacks?.[row.shape] !== undefined) return false;
  const leaf = program.leaf ?? "http";
  if (row.tellsLeaf && leaf !== "http" && leaf !== "http2") return false;
  return row.needs.every((ability) => program.abilities.includes(ability));
}

/** What follows the request's id in the ids of everything that is called for it: who calls is in the name. */
export function callSuffixes(program: Program, row: Row): readonly string[] {
  const numbers = Array.from({ length: row.calls }, (_, index) => index + 1);
  return program.hasHop === true ? [".1", ...numbers.map((number) => `.1.${number}`)] : numbers.map((n) => `.${n}`);
}
