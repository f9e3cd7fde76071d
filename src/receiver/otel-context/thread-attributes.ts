/** The attributes of a thread context (OTEP 4947, "Thread-Local Context Record"): key index, length, text, one behind the other. */
import type { Attribute } from "../../mapping/span.ts";

/** @returns by index; an entry that does not fit ends it, and of one index the last counts */
export function readThreadAttributes(bytes: Uint8Array): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (let at = 0; at + 2 <= bytes.length; ) {
    const index = bytes[at]!;
    const end = at + 2 + bytes[at + 1]!;
    if (end > bytes.length) break;
    found.set(index, Buffer.from(bytes.subarray(at + 2, end)).toString("utf8"));
    at = end;
  }
  return found;
}

/** Entries whose index has no name are left out. */
export function nameThreadAttributes(
  found: ReadonlyMap<number, string>,
  keys: readonly string[],
): readonly Attribute[] {
  return [...found].flatMap(([index, value]): Attribute[] => {
    const key = keys[index];
    return key === undefined || key === "" ? [] : [[key, value]];
  });
}
