/** Do these bytes begin a frame that only PostgreSQL sends? */
import { latin1 } from "../../latin1.ts";
import { uint16, uint32 } from "../byte-reader.ts";
import { isSqlStart } from "../mysql/wire.ts";
import { Recognition, Sender } from "../protocol.ts";

const FRAME_HEADER_BYTES = 5;
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
    const type = String.fromCharCode(bytes[at]!);
    const length = uint32(bytes, at + 1);
    const next = at + 1 + length;
    if (length < 4 || length > 0x1000000) return Recognition.no;
    const isWhole = next <= bytes.length;
    switch (type) {
      case "1":
      case "2":
      case "3":
      case "n":
      case "s":
      case "I":
        if (length !== 4) return Recognition.no;
        score++;
        break;
      case "Z":
        if (length !== 5) return Recognition.no;
        if (isWhole) {
          if (!"ITE".includes(String.fromCharCode(bytes[at + 5]!))) return Recognition.no;
          score += 2;
        }
        break;
      case "C":
        if (length > 64) return Recognition.no;
        if (isWhole) {
          if (!COMPLETE.test(latin1(bytes, at + 5, next))) return Recognition.no;
          score += 2;
        }
        break;
      case "E":
      case "N":
        if (length > 65_536) return Recognition.no;
        if (bytes.length >= at + 11) {
          if (!/^S[A-Z]{4,5}/.test(latin1(bytes, at + 5, at + 11))) return Recognition.no;
          score += 2;
        }
        break;
      case "R":
        if (length < 8 || length > 2048 || (bytes[at + 5] !== undefined && uint32(bytes, at + 5) > 12))
          return Recognition.no;
        if (bytes.length >= at + 9) score += 2;
        break;
      case "T":
        if (isWhole) {
          if (bytes[next - 1] !== 0 && bytes[next - 1] !== 1) return Recognition.no;
          score++;
        }
        break;
      case "t":
        if (length < 6 || (bytes.length >= at + 7 && 6 + uint16(bytes, at + 5) * 4 !== length)) return Recognition.no;
        score++;
        break;
      case "D":
        if (bytes.length >= at + 7 && uint16(bytes, at + 5) > 1664) return Recognition.no;
        break;
      case "S":
        if (isWhole && !/^[A-Za-z_]+\0[^\0]*\0$/.test(latin1(bytes, at + 5, next))) return Recognition.no;
        if (isWhole) score++;
        break;
      case "K":
      case "A":
      case "G":
      case "H":
        break;
      default:
        return Recognition.no;
    }
    if (!isWhole) break;
    at = next;
  }
  if (score >= 2) return Recognition.response;
  return "123nsIZCENRTtDS".includes(String.fromCharCode(bytes[0]!)) && isLengthSoFar(bytes)
    ? Recognition.needMore
    : Recognition.no;
}

function isLengthSoFar(bytes: Uint8Array): boolean {
  return bytes.length < 2 || bytes[1] === 0;
}
