/** Memory that only the start needed. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** When everything has been loaded and the self-test is over; and when what runs already has been looked at. */
const START_UP_MS = [3000, 10_000] as const;

/**
 * Reading programs, types and configuration leaves more than a process that waits ever needs again, and one that waits allocates too
 * little for V8 to look. It takes a few hundredths of a second. Each thread has a heap of its own.
 */
export function collectStartUpGarbage(): void {
  for (const afterMs of START_UP_MS) setTimeout(collect, afterMs).unref();
}

function collect(): void {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("globalThis.gc");
  setFlagsFromString("--no-expose-gc");
  if (typeof gc === "function") gc();
}
