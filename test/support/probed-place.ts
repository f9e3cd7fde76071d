/** Places of C programs for uprobes. */
import { execFileSync } from "node:child_process";

/** For gcc: what nm says of a function is where it is, and its place in the file is at a fixed distance. */
export const NOT_RELOCATED: readonly string[] = ["-no-pie", "-Wl,-z,noseparate-code"];
const LINKED_AT = 0x400000;

/** @returns the offset in the file of a function, NaN if it has none */
export function offsetOf(path: string, symbol: string): number {
  const symbols = execFileSync("nm", [path], { encoding: "utf8" });
  return Number.parseInt(new RegExp(`^(\\w+) T ${symbol}$`, "m").exec(symbols)?.[1] ?? "", 16) - LINKED_AT;
}
