/**
 * Query attributes (MySQL 8.0.23, WL#12542): named values that a client sends before the text of its statement; its
 * OpenTelemetry support puts `traceparent` there.
 */
import { utf8 } from "../../latin1.ts";
import { uint16le } from "../byte-reader.ts";
import { isSqlStart } from "../sql/start.ts";
import { Capability, HEADER_BYTES, lenencAt } from "./wire.ts";

interface QueryAttributes {
  /** Where the statement's text begins. */
  readonly textStart: number;
  /** Names in lower case; values that are text. */
  readonly values: ReadonlyMap<string, string> | undefined;
}

const MAX_ATTRIBUTES = 32;
const MAX_VALUE = 1024;
/** Bytes of a value by its type; dates and times say their own length, all others are texts. */
const FIXED_BYTES: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [2, 2],
  [3, 4],
  [4, 4],
  [5, 8],
  [6, 0],
  [8, 8],
  [9, 4],
  [13, 2],
]);
const TIME_TYPES: ReadonlySet<number> = new Set([7, 10, 11, 12]);

/**
 * Of a query's packet. With the handshake it is known whether they are there; without it, a statement is to stand behind
 * them.
 */
export function queryAttributes(
  bytes: Uint8Array,
  end: number,
  capabilities: number | undefined,
): QueryAttributes | undefined {
  const from = HEADER_BYTES + 1;
  if (capabilities !== undefined) {
    return (capabilities & Capability.queryAttributes) === 0 ? undefined : readQueryAttributes(bytes, from, end);
  }
  if (isSqlStart(bytes, from, end)) return undefined;
  const found = readQueryAttributes(bytes, from, end);
  return found !== undefined && isSqlStart(bytes, found.textStart, end) ? found : undefined;
}

/** @returns undefined: there are none here, or they are not in view */
export function readQueryAttributes(bytes: Uint8Array, from: number, end: number): QueryAttributes | undefined {
  const count = bytes[from];
  // One set of values, always.
  if (count === undefined || count > MAX_ATTRIBUTES || bytes[from + 1] !== 1) return undefined;
  if (count === 0) return { textStart: from + 2, values: undefined };
  const nulls = from + 2;
  let at = nulls + ((count + 7) >> 3);
  if (bytes[at++] !== 1) return undefined;
  const parameters: { readonly type: number; readonly name: string }[] = [];
  for (let i = 0; i < count; i++) {
    const name = lenencAt(bytes, at + 2);
    if (name.value < 0 || name.next + name.value > end) return undefined;
    const text = utf8(bytes, name.next, name.next + name.value).toLowerCase();
    parameters.push({ type: uint16le(bytes, at) & 0xff, name: text });
    at = name.next + name.value;
  }
  const values = new Map<string, string>();
  for (const [index, { type, name }] of parameters.entries()) {
    if (((bytes[nulls + (index >> 3)]! >> (index & 7)) & 1) !== 0) continue;
    const fixed = FIXED_BYTES.get(type);
    if (fixed !== undefined) at += fixed;
    else if (TIME_TYPES.has(type)) at += 1 + (bytes[at] ?? 0);
    else {
      const value = lenencAt(bytes, at);
      if (value.value < 0 || value.next + value.value > end) return undefined;
      if (value.value <= MAX_VALUE) values.set(name, utf8(bytes, value.next, value.next + value.value));
      at = value.next + value.value;
    }
  }
  return at > end ? undefined : { textStart: at, values };
}
