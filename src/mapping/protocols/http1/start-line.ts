/** Start lines of HTTP/1 (RFC 9112 sections 3 and 4): recognised byte by byte, so that half of one is "need more". */
import { latin1 } from "../../latin1.ts";
import { Recognition } from "../protocol.ts";

const MAX_LINE = 65_536;
/** So much of a request line that has not ended yet is proof enough. */
const LONG_TARGET = 64;
const BOUNDARY_METHODS = new Set(
  "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT PURGE".split(
    " ",
  ),
);
const LF = 10;
const CR = 13;
const SPACE = 32;

/** `HTTP/1.x SP 3DIGIT` and its end. */
export function looksLikeStatusLine(bytes: Uint8Array, from: number): Recognition {
  const fits = fitsVersion(bytes, from);
  if (fits !== Recognition.response) return fits;
  for (let index = from + 8; index < from + 13; index++) {
    const byte = bytes[index];
    if (byte === undefined) return Recognition.needMore;
    if (index === from + 8) {
      if (byte !== SPACE) return Recognition.no;
    } else if (index === from + 12) {
      if (byte !== SPACE && byte !== CR && byte !== LF) return Recognition.no;
    } else if (byte < 0x30 || byte > 0x39 || (index === from + 9 && (byte < 0x31 || byte > 0x35))) {
      return Recognition.no;
    }
  }
  return Recognition.response;
}

/**
 * A request line (RFC 9112 section 3). `needMore` while it fits and has not ended.
 * @param isStrict in the middle of a stream, where the bytes before may be the end of a body: known methods, whole lines
 */
export function looksLikeRequestLine(bytes: Uint8Array, from: number, isStrict = false): Recognition {
  const length = bytes.length;
  let index = from;
  let hasLower = false;
  while (index < length && index - from <= 24 && isMethodByte(bytes[index]!)) {
    if (bytes[index]! > 0x60) hasLower = true;
    index++;
  }
  if (index === length) {
    return isStrict && !beginsMethod(latin1(bytes, from, index)) ? Recognition.no : Recognition.needMore;
  }
  if (index === from || bytes[index] !== SPACE) return Recognition.no;
  if (isStrict && !BOUNDARY_METHODS.has(latin1(bytes, from, index))) return Recognition.no;
  const isConnect = index - from === 7 && bytes[from] === 0x43;
  const target = ++index;
  // Redis, memcached and NATS have commands that look like methods: what follows is a path, a URL or, for CONNECT, a host.
  const first = bytes[target];
  if (first === undefined) return Recognition.needMore;
  if (first !== 0x2f && first !== 0x2a && !isSchemeStart(first) && !(isConnect && isHostByte(first))) {
    return Recognition.no;
  }
  if (first === 0x2a && bytes[target + 1] !== undefined && bytes[target + 1] !== SPACE) return Recognition.no;
  while (index < length && bytes[index]! > SPACE && bytes[index] !== 0x7f) index++;
  if (index === length) {
    if (index - from > MAX_LINE) return Recognition.no;
    return !isStrict && !hasLower && first === 0x2f && index - target >= LONG_TARGET
      ? Recognition.request
      : Recognition.needMore;
  }
  if (bytes[index] !== SPACE) return Recognition.no;
  const fits = fitsVersion(bytes, index + 1);
  if (fits !== Recognition.response) return fits;
  const end = bytes[index + 9];
  if (end === undefined) return Recognition.needMore;
  if (end === LF) return Recognition.request;
  if (end !== CR) return Recognition.no;
  if (bytes[index + 10] === undefined) return Recognition.needMore;
  return bytes[index + 10] === LF ? Recognition.request : Recognition.no;
}

function beginsMethod(text: string): boolean {
  for (const method of BOUNDARY_METHODS) if (method.startsWith(text)) return true;
  return false;
}

const VERSION = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e];

/** `HTTP/1.` and 0 or 1. */
function fitsVersion(bytes: Uint8Array, from: number): Recognition {
  for (let index = 0; index < 7; index++) {
    const byte = bytes[from + index];
    if (byte === undefined) return Recognition.needMore;
    if (byte !== VERSION[index]) return Recognition.no;
  }
  const minor = bytes[from + 7];
  if (minor === undefined) return Recognition.needMore;
  return minor === 0x30 || minor === 0x31 ? Recognition.response : Recognition.no;
}

function isMethodByte(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2d || byte === 0x5f;
}

/** Of `http`, `https`, `ws` and `wss`, which may be in capitals (RFC 3986 section 3.1). */
function isSchemeStart(byte: number): boolean {
  const lower = byte | 0x20;
  return lower === 0x68 || lower === 0x77;
}

function isHostByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || byte === 0x5b || (byte >= 0x41 && byte <= 0x5a) || (byte > 0x60 && byte < 0x7b)
  );
}
