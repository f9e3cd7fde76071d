/** Bytes and header lines of RESP. */

export const CR = 13;
export const LF = 10;
export const STAR = 42;
export const DOLLAR = 36;
export const MAX_BULK_BYTES = 512 * 1024 * 1024;
/** The longest header line: a type byte and a 64-bit number. */
export const MAX_HEADER_BYTES = 24;

/** Index behind CRLF; 0: not in view; -1: not a line of this kind. */
export function lineEnd(bytes: Uint8Array, from: number, limit: number): number {
  const end = bytes.indexOf(LF, from);
  if (end < 0) return bytes.length - from > limit ? -1 : 0;
  if (end - from > limit || end === from || bytes[end - 1] !== CR) return -1;
  return end + 1;
}

/** A number between `from` and CRLF, -1 for the RESP2 null, NaN for anything else. */
export function headerNumber(bytes: Uint8Array, from: number, end: number): number {
  if (bytes[from] === 45) return end - from === 4 && bytes[from + 1] === 49 ? -1 : Number.NaN;
  let value = 0;
  if (end - 2 <= from) return Number.NaN;
  for (let i = from; i < end - 2; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}
