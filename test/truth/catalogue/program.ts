/** A program under test: what it can be asked to do, how it is started, and what it needs. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * What a program does when its query asks for it; every one makes one call for a request.
 *
 * sleep, busy: before each call it sleeps, burns CPU or reads a file; calls: several, one after the other; parallel: at
 * once; after: it calls when it has answered; lingers: it goes on for a while after its calls; pool: its upstream
 * connections can be limited; retries: it calls again when the answer is 503; gives_up: it stops waiting for an answer.
 */
export type Ability =
  | "sleep"
  | "busy"
  | "calls"
  | "parallel"
  | "waits_once"
  | "after"
  | "lingers"
  | "pool"
  | "retries"
  | "gives_up";

/** What a program calls: an HTTP server, or a database whose keys and names carry the id: `GET /h/r17.2`, `AS "/h/r17.2"`. */
export type LeafKind = "http" | "http2" | "redis" | "postgres";

export interface Program {
  readonly name: string;
  /** `next` is its URL; http where it is not said. */
  readonly leaf?: LeafKind;
  /** That one call takes; 1 where it is not said. */
  readonly exchanges?: number;
  readonly abilities: readonly Ability[];
  /** Shapes that it can't serve, whatever its abilities, and why. */
  readonly lacks?: Readonly<Record<string, string>>;
  /** The calls pass a hop of its own: its calls are `.1.1` to `.1.n`, and the hop is `.1`. */
  readonly hasHop?: boolean;
  /** undefined: it can run here; else what is missing. */
  missing(): string | undefined;
  start(port: number, next: string, pool: number): ChildProcess;
}

export const EVERYTHING: readonly Ability[] = [
  "sleep",
  "busy",
  "calls",
  "parallel",
  "after",
  "lingers",
  "pool",
  "retries",
  "gives_up",
];

/** For `lacks`: servers that drop what comes behind a request. */
export const ONE_BY_ONE = { pipelining: "it answers one of the requests that come at once, and closes the connection" };

/** A pool of this size is never full. */
export const AMPLE_POOL = 256;

const ROOT = join(import.meta.dirname, "../../../..");
export const SOURCES = join(ROOT, "test/truth/programs");
/** What is built of them. */
export const BUILD = join(ROOT, ".cache/truth");

export function buildFolder(): string {
  mkdirSync(BUILD, { recursive: true });
  return BUILD;
}

export function has(command: string): boolean {
  return spawnSync("which", [command]).status === 0;
}

export function needs(...commands: string[]): () => string | undefined {
  return () => {
    const absent = commands.filter((command) => !has(command));
    return absent.length === 0 ? undefined : `no ${absent.join(", ")} on the PATH`;
  };
}

export function run(
  command: string,
  args: readonly string[],
  port: number,
  next: string,
  extra: Record<string, string> = {},
): ChildProcess {
  return spawn(command, args, {
    cwd: SOURCES,
    env: { ...process.env, PORT: String(port), NEXT: next, PYTHONDONTWRITEBYTECODE: "1", ...extra },
    stdio: ["ignore", "ignore", "inherit"],
  });
}
