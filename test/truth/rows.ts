/** The rows of the truth table: what is run against each program. */

export interface Row {
  readonly shape: string;
  readonly work: "none" | "cpu" | "sleep" | "file";
  readonly concurrency: number;
  readonly query: string;
  readonly callsPerRequest: number;
  readonly requests: number;
  /** Upstream connections that the program may hold; small: calls queue. */
  readonly pool: number;
}

const AMPLE = 256;

function row(shape: string, work: Row["work"], concurrency: number, calls: number, requests: number, extra = ""): Row {
  const query = `w=${work}&n=${calls}${extra}`;
  return { shape, work, concurrency, query, callsPerRequest: calls, requests, pool: AMPLE };
}

/** Rows that share one start of the program; those with a small pool need a start of their own. */
export function rowsWithAmplePool(): readonly Row[] {
  const works = ["none", "cpu", "sleep", "file"] as const;
  return [
    row("chain", "none", 1, 1, 50),
    ...works.map((work) => row("chain", work, 16, 1, 400)),
    ...works.map((work) => row("chain", work, 64, 1, 800)),
    row("sequence", "sleep", 16, 3, 200),
    row("fan-out", "none", 16, 3, 200, "&m=par"),
    row("fan-out", "sleep", 16, 3, 200, "&m=par"),
    row("goes on 2 s", "sleep", 16, 1, 48, "&p=2000"),
  ];
}

export function rowsWithSmallPool(): readonly Row[] {
  return [{ ...row("queued calls", "none", 16, 1, 400), pool: 4 }];
}

/** Programs that make one call per request in the order of their code, whatever the query says. */
export function canRun(program: string, row: Row): boolean {
  const isSingleCall = program === "nginx" || program === "c-epoll" || program === "node-callback";
  if (!isSingleCall) return true;
  return row.callsPerRequest === 1 && row.work !== "cpu" && row.work !== "file" && row.shape !== "goes on 2 s";
}
