import { latin1 } from "./latin1.ts";

/** task->comm, up to its NUL. */
export function commOf(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  return latin1(bytes, 0, zero < 0 ? bytes.length : zero);
}
