/** Do these bytes begin a frame that only PostgreSQL sends? */
import { latin1 } from "../../latin1.ts";
import { uint16, uint32 } from "../byte-reader.ts";
import { Recognition, Sender } from "../protocol.ts";
import { isSqlStart } from "../sql/start.ts";
import { FRAME_HEADER_BYTES } from "./framing.ts";

const STARTUP_CODES = new Set([80877102, 80877103, 80877104]);

export function recognizePostgresql(bytes: Uint8Array, sender: Sender | undefined): Recognition {
  if (sender !== Sender.server) {
    const verdict = clientFrames(bytes);
    if (verdict === Recognition.request || sender === Sender.client) return verdict;
    const asServer = serverFrames(bytes);
    return asServer === Recognition.no ? verdict : asServer;
  }
  return serverFrames(bytes);
}

function clientFrames(bytes: Uint8Array): Recognition {
  if (bytes[0] === 0) return startup(bytes);
  const type = String.fromCharCode(bytes[0]!);
  if (!"QPBpEDSCHX".includes(type)) return Recognition.no;
  if (bytes.length < FRAME_HEADER_BYTES)
    return bytes.length > 1 && bytes[1] !== 0 ? Recognition.no : Recognition.needMore;
  const length = uint32(bytes, 1);
  if (length < 4 || length > 0x1000000) return Recognition.no;
  const end = Math.min(bytes.length, length + 1);
  if (type === "Q") {
    if (end < Math.min(length + 1, FRAME_HEADER_BYTES + 8)) return Recognition.needMore;
    if (length + 1 <= bytes.length && bytes[length] !== 0) return Recognition.no;
    if (length === 5 || isSqlStart(bytes, FRAME_HEADER_BYTES, end)) return Recognition.request;
    // Anything may be asked: then the answer tells.
    const isText = isPrintable(latin1(bytes, FRAME_HEADER_BYTES, Math.min(bytes.length, length)));
    return isText ? Recognition.needMore : Recognition.no;
  }
  if (type === "P") {
    const zero = bytes.indexOf(0, FRAME_HEADER_BYTES);
    if (zero < 0 || zero + 9 > end) return end < length + 1 && end < 512 ? Recognition.needMore : Recognition.no;
    return isSqlStart(bytes, zero + 1, end) ? Recognition.request : Recognition.no;
  }
  if (type === "B") {
    if (bytes.length < length + 1) return length < 4096 ? Recognition.needMore : Recognition.no;
    return isBind(bytes, length + 1) ? Recognition.request : Recognition.no;
  }
  // Short frames that others could send too: they wait for one that can't be mistaken.
  if (type === "p" || length > 64) return Recognition.no;
  return length >= 4 && fits(type, length) ? Recognition.needMore : Recognition.no;
}

function isPrintable(text: string): boolean {
  return /^[\t\n\r\x20-\xff]+$/.test(text);
}

function fits(type: string, length: number): boolean {
  if (type === "S" || type === "H" || type === "X") return length === 4;
  if (type === "E") return length >= 9;
  return length >= 6;
}

/** portal, statement, parameter formats, parameters, result formats: all lengths must add up. */
function isBind(bytes: Uint8Array, end: number): boolean {
  const portal = bytes.indexOf(0, FRAME_HEADER_BYTES);
  const statement = portal < 0 ? -1 : bytes.indexOf(0, portal + 1);
  if (statement < 0 || statement + 7 > end) return false;
  let at = statement + 1;
  const formats = uint16(bytes, at);
  at += 2 + formats * 2;
  if (at + 2 > end) return false;
  const parameters = uint16(bytes, at);
  at += 2;
  for (let i = 0; i < parameters; i++) {
    if (at + 4 > end) return false;
    const size = uint32(bytes, at) | 0;
    if (size < -1) return false;
    at += 4 + Math.max(0, size);
  }
  if (at + 2 > end) return false;
  return at + 2 + uint16(bytes, at) * 2 === end;
}

function startup(bytes: Uint8Array): Recognition {
  if (bytes.length < 8) return bytes.length < 2 || bytes[1] === 0 ? Recognition.needMore : Recognition.no;
  const length = uint32(bytes, 0);
  const code = uint32(bytes, 4);
  if (STARTUP_CODES.has(code)) return length === 8 || length === 16 ? Recognition.request : Recognition.no;
  if (code >>> 16 !== 3 || (code & 0xffff) > 2 || length < 13 || length > 10_000) return Recognition.no;
  if (bytes.length < 13) return Recognition.needMore;
  return /^[a-z_]+\0?/.test(latin1(bytes, 8, 13)) ? Recognition.request : Recognition.no;
}

const COMPLETE =
  /^(?:SELECT \d+|INSERT \d+ \d+|UPDATE \d+|DELETE \d+|MERGE \d+|FETCH \d+|MOVE \d+|COPY \d+|[A-Z]+(?: [A-Z]+){0,3})\0$/;

/** Chains of frames: the more of them fit, the surer it is. */
function serverFrames(bytes: Uint8Array): Recognition {
  let at = 0;
  let score = 0;
  while (at + FRAME_HEADER_BYTES <= bytes.length && score < 2) {
    const length = uint32(bytes, at + 1);
    const found = length < 4 || length > 0x1000000 ? IMPOSSIBLE : serverFrameScore(bytes, at, length);
    if (found === IMPOSSIBLE) return Recognition.no;
    score += found;
    at += 1 + length;
    if (at > bytes.length) break;
  }
  if (score >= 2) return Recognition.response;
  return "123nsIZCENRTtDS".includes(String.fromCharCode(bytes[0]!)) && isLengthSoFar(bytes)
    ? Recognition.needMore
    : Recognition.no;
}

const IMPOSSIBLE = -1;

/** How much the frame at `at` speaks for PostgreSQL, as far as it is there. */
function serverFrameScore(bytes: Uint8Array, at: number, length: number): number {
  const body = at + FRAME_HEADER_BYTES;
  const next = at + 1 + length;
  const isWhole = next <= bytes.length;
  switch (String.fromCharCode(bytes[at]!)) {
    case "1":
    case "2":
    case "3":
    case "n":
    case "s":
    case "I":
      return length === 4 ? 1 : IMPOSSIBLE;
    case "Z":
      if (length !== 5) return IMPOSSIBLE;
      return scoreOf(isWhole, 2, () => "ITE".includes(String.fromCharCode(bytes[body]!)));
    case "C":
      if (length > 64) return IMPOSSIBLE;
      return scoreOf(isWhole, 2, () => COMPLETE.test(latin1(bytes, body, next)));
    case "E":
    case "N":
      if (length > 65_536) return IMPOSSIBLE;
      return scoreOf(bytes.length >= body + 6, 2, () => /^S[A-Z]{4,5}/.test(latin1(bytes, body, body + 6)));
    case "R":
      if (length < 8 || length > 2048 || (bytes[body] !== undefined && uint32(bytes, body) > 12)) return IMPOSSIBLE;
      return bytes.length >= body + 4 ? 2 : 0;
    case "T":
      return scoreOf(isWhole, 1, () => bytes[next - 1] === 0 || bytes[next - 1] === 1);
    case "t":
      if (length < 6 || (bytes.length >= body + 2 && 6 + uint16(bytes, body) * 4 !== length)) return IMPOSSIBLE;
      return 1;
    case "D":
      return bytes.length >= body + 2 && uint16(bytes, body) > 1664 ? IMPOSSIBLE : 0;
    case "S":
      return scoreOf(isWhole, 1, () => /^[A-Za-z_]+\0[^\0]*\0$/.test(latin1(bytes, body, next)));
    case "K":
    case "A":
    case "G":
    case "H":
      return 0;
    default:
      return IMPOSSIBLE;
  }
}

/** What is not there yet speaks neither for nor against. */
function scoreOf(isThere: boolean, score: number, fits: () => boolean): number {
  if (!isThere) return 0;
  return fits() ? score : IMPOSSIBLE;
}

function isLengthSoFar(bytes: Uint8Array): boolean {
  return bytes.length < 2 || bytes[1] === 0;
}
