/**
 * What can be read of Oracle's calls without their layout, which differs from release to release and is not published:
 * the function, the SQL text and the ORA error, each where a length before it says exactly how long it is.
 */
import { latin1, utf8 } from "../../latin1.ts";

/** Functions of TTC calls (as the open-source drivers name them). */
const FUNCTIONS: ReadonlyMap<number, string> = new Map([
  [0x04, "EXECUTE"],
  [0x05, "FETCH"],
  [0x09, "LOGOFF"],
  [0x0e, "COMMIT"],
  [0x0f, "ROLLBACK"],
  [0x4e, "EXECUTE"],
  [0x5e, "EXECUTE"],
  [0x60, "LOB"],
  [0x73, "LOGIN"],
  [0x76, "AUTHENTICATE"],
  [0x93, "PING"],
]);
/** Calls, and what is sent along before one. */
const CALL = 0x03;
const PIGGYBACK = 0x11;
const CHUNKED = 0xfe;
const MAX_SCAN = 4096;
const TAIL_BYTES = 1024;
/** Behind the error's text nothing but a few numbers may come. */
const MAX_TRAILER = 32;
const MAX_TEXT = 4096;
const VERBS =
  /^[\s(]*(?:\/\*[\s\S]*?\*\/\s*)?(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|BEGIN|DECLARE|CALL|CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE|EXPLAIN|LOCK|COMMIT|ROLLBACK|SAVEPOINT|SET|COMMENT|ANALYZE|RENAME|PURGE|FLASHBACK)\b/i;

interface OracleCall {
  /** undefined: a call that is not known. */
  readonly command: string | undefined;
  readonly text: string | undefined;
}

/** @param at the first byte of the call. @returns undefined where it is no call */
export function readCall(bytes: Uint8Array, at: number, end: number): OracleCall | undefined {
  const type = bytes[at];
  if (type !== CALL && type !== PIGGYBACK) return undefined;
  const text = findSql(bytes, at + 2, end);
  if (text !== undefined) return { command: "EXECUTE", text };
  return { command: type === CALL ? FUNCTIONS.get(bytes[at + 1]!) : undefined, text: undefined };
}

/** A text that begins with a verb, and whose length stands before it. */
export function findSql(bytes: Uint8Array, from: number, end: number): string | undefined {
  const last = Math.min(end, from + MAX_SCAN);
  for (let at = from; at < last; at++) {
    const length = bytes[at]!;
    if (length === CHUNKED) {
      const text = chunks(bytes, at + 1, end);
      if (text !== undefined) return text;
    } else if (length >= 5 && length <= 252 && at + 1 + length <= end) {
      if (!mayBegin(bytes[at + 1]!)) continue;
      const text = utf8(bytes, at + 1, at + 1 + length);
      if (isSql(text)) return text;
    }
  }
  return undefined;
}

/** Chunks with their lengths (one byte, or a count of bytes and as many), up to an empty one. */
function chunks(bytes: Uint8Array, from: number, end: number): string | undefined {
  for (const isWide of [false, true]) {
    let at = from;
    let text = "";
    while (at < end && text.length < MAX_TEXT) {
      let length = bytes[at++]!;
      if (isWide && length > 0) {
        if (length > 4) break;
        let value = 0;
        for (let i = 0; i < length; i++) value = value * 256 + (bytes[at + i] ?? 0);
        at += length;
        length = value;
      }
      if (length === 0 || (text === "" && !mayBegin(bytes[at] ?? 0))) break;
      text += utf8(bytes, at, Math.min(at + length, end));
      at += length;
    }
    if (isSql(text)) return text.slice(0, MAX_TEXT);
  }
  return undefined;
}

/** Letters, blanks, a parenthesis, a comment. */
function mayBegin(byte: number): boolean {
  const letter = byte | 0x20;
  return (
    (letter >= 0x61 && letter <= 0x7a) ||
    byte === 0x20 ||
    byte === 0x0a ||
    byte === 0x0d ||
    byte === 0x28 ||
    byte === 0x2f
  );
}

function isSql(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is no text has them
  return VERBS.test(text) && !/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text);
}

/** The error that ends an answer: a text of its own, with its length before it, at the answer's end. */
export function findError(bytes: Uint8Array, from: number, end: number): string | undefined {
  const tail = latin1(bytes, Math.max(from, end - TAIL_BYTES), end);
  for (let at = tail.indexOf("ORA-"); at > 0; at = tail.indexOf("ORA-", at + 1)) {
    const textEnd = at + tail.charCodeAt(at - 1);
    if (textEnd > tail.length || tail.length - textEnd > MAX_TRAILER) continue;
    const code = /^(ORA-\d{5}): [^\0]*$/.exec(tail.slice(at, textEnd))?.[1];
    if (code !== undefined) return code;
  }
  return undefined;
}
