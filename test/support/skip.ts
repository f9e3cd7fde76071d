import type { Context } from "mocha";

/** Skips the running test, or from a hook its whole suite, for a reason that the end of the test run shows. */
export function skip(context: Context, reason: string): never {
  const runnable = context.runnable();
  const holder = "type" in runnable && runnable.type === "hook" ? runnable.parent : runnable;
  Object.assign(holder ?? runnable, { skipReason: reason });
  return context.skip();
}
