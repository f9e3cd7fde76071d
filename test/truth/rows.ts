/** The rows of the truth table: what is run against each program. */

export const WORKS = ["none", "cpu", "sleep", "file"] as const;
/** What a handler does between reading its request and calling on. */
export type Work = (typeof WORKS)[number];

export interface Row {
  readonly shape: string;
  readonly work: Work;
  readonly inFlight: number;
  readonly query: string;
  readonly callsPerRequest: number;
  readonly requests: number;
  /** Upstream connections that the program may hold; small: calls queue. */
  readonly pool: number;
  /** The program is started for this row alone: nothing has been learnt of it. */
  readonly isFresh: boolean;
  /** Part of a run without filters. */
  readonly isDefault: boolean;
}

export const AMPLE_POOL = 256;

type RowOptions = Partial<Omit<Row, "shape" | "work" | "inFlight" | "query">> & { extra?: string };

function row(shape: string, work: Work, inFlight: number, options: RowOptions = {}): Row {
  const calls = options.callsPerRequest ?? 1;
  return {
    shape,
    work,
    inFlight,
    query: `w=${work}&n=${calls}${options.extra ?? ""}`,
    callsPerRequest: calls,
    requests: options.requests ?? (inFlight === 1 ? 60 : inFlight === 16 ? 400 : 800),
    pool: options.pool ?? AMPLE_POOL,
    isFresh: options.isFresh ?? false,
    isDefault: options.isDefault ?? true,
  };
}

export function allRows(): readonly Row[] {
  const rows: Row[] = [];
  for (const work of ["none", "sleep"] as const) {
    rows.push(row("first 5", work, 1, { requests: 5, isFresh: true }));
    rows.push(row("first 5", work, 5, { requests: 5, isFresh: true }));
  }
  for (const inFlight of [1, 16, 64]) {
    for (const work of WORKS)
      rows.push(row("chain", work, inFlight, { isDefault: inFlight === 64 || work === "none" }));
    for (const work of WORKS) {
      const isDefault = inFlight === 64 && (work === "none" || work === "sleep");
      rows.push(row("fan-out", work, inFlight, { callsPerRequest: 3, extra: "&m=par", isDefault }));
      rows.push(row("sequence", work, inFlight, { callsPerRequest: 3, isDefault: isDefault && work === "sleep" }));
    }
    rows.push(
      row("goes on 2 s", "sleep", inFlight, { requests: inFlight * 2, extra: "&p=2000", isDefault: inFlight === 64 }),
    );
    if (inFlight > 1) rows.push(row("queued calls", "none", inFlight, { pool: 4, isDefault: inFlight === 64 }));
  }
  return rows;
}

/** Programs that make one call per request in the order of their code, whatever the query says. */
export function canRun(program: string, row: Row): boolean {
  const isSingleCall = program === "nginx" || program === "c-epoll" || program === "node-callback";
  if (!isSingleCall) return true;
  return row.callsPerRequest === 1 && row.work !== "cpu" && row.work !== "file" && row.shape !== "goes on 2 s";
}
