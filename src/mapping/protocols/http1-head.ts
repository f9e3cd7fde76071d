/** Header fields of an HTTP/1 head: look-up, and what they say of the body's length. */

export interface Framing {
  readonly contentLength: number | undefined;
  readonly isTransferEncoded: boolean;
  /** Chunked is the last transfer coding. */
  readonly isChunked: boolean;
}

const NO_BODY: Framing = { contentLength: undefined, isTransferEncoded: false, isChunked: false };

/** Value of the first field of that name. @param name lower case */
export function headerOf(headers: string, name: string): string | undefined {
  let start = 0;
  while (start < headers.length) {
    const colon = start + name.length;
    const end = headers.indexOf("\n", start);
    if (end < 0) return undefined;
    if (headers.charCodeAt(colon) === 0x3a && isName(headers, start, name)) return fieldValue(headers, colon + 1, end);
    start = end + 1;
  }
  return undefined;
}

/**
 * What the fields from `start` on say of the body (RFC 9112 section 6.3); undefined where recipients may differ about
 * it: a malformed field, Content-Length values that differ, a transfer coding behind chunked.
 */
export function parseFraming(head: string, start: number): Framing | undefined {
  let contentLength: number | undefined;
  let isTransferEncoded = false;
  let isChunked = false;
  let wasFraming = false;
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
    let colon = position;
    while (colon < end && isTokenByte(head.charCodeAt(colon))) colon++;
    if (colon === position || head.charCodeAt(colon) !== 0x3a) return undefined;
    wasFraming = false;
    const length = colon - position;
    if (length === 14 && isName(head, position, "content-length")) {
      wasFraming = true;
      for (const item of fieldValue(head, colon + 1, end).split(",")) {
        const text = item.trim();
        if (!/^\d{1,15}$/.test(text)) return undefined;
        const value = Number(text);
        if (contentLength !== undefined && contentLength !== value) return undefined;
        contentLength = value;
      }
    } else if (length === 17 && isName(head, position, "transfer-encoding")) {
      wasFraming = true;
      for (const item of fieldValue(head, colon + 1, end).split(",")) {
        if (isChunked) return undefined;
        isTransferEncoded = true;
        isChunked = item.trim().toLowerCase() === "chunked";
      }
    }
    position = end + 1;
  }
  if (!isTransferEncoded && contentLength === undefined) return NO_BODY;
  return { contentLength, isTransferEncoded, isChunked };
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

/** RFC 9110 section 5.6.2. */
function isTokenByte(code: number): boolean {
  return TOKEN[code] === 1;
}

const TOKEN = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN[character.charCodeAt(0)] = 1;
}
