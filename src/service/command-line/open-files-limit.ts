/** How many files this process may have open: each map, program and link of BPF is one, and so is a module while it is read. */
import { readFileSync } from "node:fs";
import { OpenFilesLimitError } from "../error.ts";

/** A start takes 150; uprobes of traced programs and connections come on top. */
const NEEDED = 256;

/**
 * Of the hard limit: Node raises its own to that.
 *
 * @param limits as /proc/self/limits has them
 * @throws OpenFilesLimitError
 */
export function checkOpenFilesLimit(limits: string): void {
  const [, limit] = /^Max open files\s+\S+\s+(\d+)/m.exec(limits) ?? [];
  if (limit !== undefined && Number(limit) < NEEDED) throw new OpenFilesLimitError(NEEDED, limit);
}

export function ownLimits(): string {
  return readFileSync("/proc/self/limits", "utf8");
}

/** What the limit makes of a call, whichever that was: EMFILE. Any other error as it is. */
export function explainOpenFiles(error: unknown): unknown {
  const isLimit = error instanceof Error && "code" in error && error.code === "EMFILE";
  return isLimit ? new OpenFilesLimitError(NEEDED, undefined, error) : error;
}
