/** Header fields of an HTTP/1 head: look-up, and what they say of the body's length. */

export interface Framing {
  readonly contentLength: number | undefined;
  readonly isTransferEncoded: boolean;
  /** Chunked is the last transfer coding. */
  readonly isChunked: boolean;
  /** First letters of all names, one bit each: a name whose letter is not there needs no search. */
  readonly initials: number;
}

/** Does any name begin as this one does? */
export function mayHave(initials: number, name: string): boolean {
  return (initials & (1 << (name.charCodeAt(0) & 31))) !== 0;
}

/** Value of the first field of that name. @param name lower case */
export function headerOf(headers: string, initials: number, name: string): string | undefined {
  if (!mayHave(initials, name)) return undefined;
  const initial = name.charCodeAt(0) & 31;
  let start = 0;
  while (start < headers.length) {
    const end = headers.indexOf("\n", start);
    if (end < 0) return undefined;
    const colon = start + name.length;
    if ((headers.charCodeAt(start) & 31) === initial && headers.charCodeAt(colon) === 0x3a) {
      if (isName(headers, start, name)) return fieldValue(headers, colon + 1, end);
    }
    start = end + 1;
  }
  return undefined;
}

/**
 * What the fields from `start` on say of the body (RFC 9112 section 6.3); undefined where recipients may differ about
 * it: a malformed framing field, Content-Length values that differ, a transfer coding behind chunked.
 */
export function parseFraming(head: string, start: number): Framing | undefined {
  let contentLength: number | undefined;
  let isTransferEncoded = false;
  let isChunked = false;
  let wasFraming = false;
  let initials = 0;
  let position = start;
  while (position < head.length) {
    const end = head.indexOf("\n", position);
    if (end < 0) return undefined;
    const first = head.charCodeAt(position);
    if (first === 0x0a || (first === 0x0d && end === position + 1)) break;
    if (first === 0x20 || first === 0x09) {
      // A folded line (section 5.2) goes on with the field above, which must not be one that frames.
      if (wasFraming || position === start) return undefined;
      position = end + 1;
      continue;
    }
    initials |= 1 << (first & 31);
    wasFraming = false;
    const letter = first | 0x20;
    if (letter === 0x63 && isName(head, position, "content-length")) {
      wasFraming = true;
      const length = parseLength(head, position + 14, end, contentLength);
      if (length === undefined) return undefined;
      contentLength = length;
    } else if (letter === 0x74 && isName(head, position, "transfer-encoding")) {
      wasFraming = true;
      if (head.charCodeAt(position + 17) !== 0x3a) return undefined;
      for (const item of fieldValue(head, position + 18, end).split(",")) {
        if (isChunked) return undefined;
        isTransferEncoded = true;
        isChunked = item.trim().toLowerCase() === "chunked";
      }
    }
    position = end + 1;
  }
  return { contentLength, isTransferEncoded, isChunked, initials };
}

/** The value behind `Content-Length`: a number, or the same one several times (section 6.3, item 5). */
function parseLength(head: string, colon: number, end: number, known: number | undefined): number | undefined {
  if (head.charCodeAt(colon) !== 0x3a) return undefined;
  const plain = plainLength(head, colon + 1, end);
  if (plain >= 0) return known === undefined || known === plain ? plain : undefined;
  let value: number | undefined = known;
  for (const item of fieldValue(head, colon + 1, end).split(",")) {
    const text = item.trim();
    if (!/^\d{1,15}$/.test(text)) return undefined;
    const number = Number(text);
    if (value !== undefined && value !== number) return undefined;
    value = number;
  }
  return value;
}

/** Blanks, at most 15 digits, a line end: what nearly all are. @returns -1 for anything else */
function plainLength(head: string, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(head.charCodeAt(at))) at++;
  const first = at;
  let value = 0;
  for (; at < end && at - first < 16; at++) {
    const digit = head.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  const count = at - first;
  if (at < end && head.charCodeAt(at) === 0x0d) at++;
  return count > 0 && count < 16 && at === end ? value : -1;
}

function isName(text: string, start: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const code = text.charCodeAt(start + index);
    const wanted = name.charCodeAt(index);
    if (code !== wanted && !(code >= 0x41 && code <= 0x5a && code + 32 === wanted)) return false;
  }
  return true;
}

function fieldValue(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d;
}
