/** What start lines of HTTP/1 say, read from the bytes: of what nearly all say there is one string, made once. */
import { latin1 } from "../../latin1.ts";

export interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly version: string;
}

const LF = 10;
const SPACE = 32;
const DOT = 0x2e;
const ZERO = 0x30;
const ONE = 0x31;
/** `HTTP/1.1`, behind a space. */
const VERSION_LENGTH = 8;
/** So far a loop is cheaper than the call. */
const NEAR = 96;
const METHODS = "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH".split(" ");

/** Index behind the first line; 0: it has not ended. */
export function endOfLine(bytes: Uint8Array): number {
  const near = Math.min(NEAR, bytes.length);
  for (let index = 0; index < near; index++) if (bytes[index] === LF) return index + 1;
  return bytes.length > NEAR ? bytes.indexOf(LF, NEAR) + 1 : 0;
}

/** @param lineFeed index of the line's end @returns undefined where there are not two spaces, or more */
export function readRequestLine(bytes: Uint8Array, lineFeed: number): RequestLine | undefined {
  let firstSpace = 0;
  while (firstSpace < lineFeed && bytes[firstSpace] !== SPACE) firstSpace++;
  let lastSpace = lineFeed - VERSION_LENGTH - 1;
  while (lastSpace > firstSpace && bytes[lastSpace] !== SPACE) lastSpace--;
  if (lastSpace <= firstSpace) return undefined;
  for (let index = firstSpace + 1; index < lastSpace; index++) if (bytes[index] === SPACE) return undefined;
  return {
    method: methodAt(bytes, firstSpace),
    target: latin1(bytes, firstSpace + 1, lastSpace),
    version: versionAt(bytes, lastSpace + 6),
  };
}

/** The three digits of a status line. */
export function statusCodeAt(bytes: Uint8Array, from: number): number {
  const hundreds = bytes[from]! - ZERO;
  const tens = bytes[from + 1]! - ZERO;
  const ones = bytes[from + 2]! - ZERO;
  if (isDigit(hundreds) && isDigit(tens) && isDigit(ones)) return hundreds * 100 + tens * 10 + ones;
  return Number(latin1(bytes, from, from + 3));
}

/** Of `HTTP/1.1`, what is behind the slash. */
export function versionAt(bytes: Uint8Array, from: number): string {
  if (bytes[from] === ONE && bytes[from + 1] === DOT) {
    if (bytes[from + 2] === ONE) return "1.1";
    if (bytes[from + 2] === ZERO) return "1.0";
  }
  return latin1(bytes, from, from + 3);
}

function methodAt(bytes: Uint8Array, length: number): string {
  for (const method of METHODS) if (method.length === length && isText(bytes, method)) return method;
  return latin1(bytes, 0, length);
}

function isText(bytes: Uint8Array, text: string): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[index] !== text.charCodeAt(index)) return false;
  return true;
}

function isDigit(value: number): boolean {
  return value >= 0 && value <= 9;
}
