/** Memory that only the start needed. */
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** When everything has been loaded and the self-test is over; and when what runs already has been looked at. */
const START_UP_MS = [3000, 10_000] as const;
const RETRY_MS = 20;
const TRIES = 10;

/**
 * Reading programs, types and configuration leaves more than a process that waits ever needs again, and one that waits allocates too
 * little for V8 to look. It takes a few hundredths of a second. Each thread has a heap of its own.
 */
export function collectStartUpGarbage(): void {
  for (const afterMs of START_UP_MS) setTimeout(() => void collectGarbage(), afterMs).unref();
}

/**
 * V8's flags are the process's: another thread that does the same may switch this one off before it is looked at.
 * @returns false where it always was
 */
export async function collectGarbage(): Promise<boolean> {
  for (let left = TRIES; left > 0; left--) {
    const gc = findCollector();
    if (gc !== undefined) {
      gc();
      return true;
    }
    await sleep(RETRY_MS, undefined, { ref: false });
  }
  return false;
}

function findCollector(): (() => void) | undefined {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("globalThis.gc");
  setFlagsFromString("--no-expose-gc");
  return typeof gc === "function" ? (gc as () => void) : undefined;
}
