/** Do these bytes begin a MySQL packet that only MySQL sends? */

import { inflateZlib } from "../../compression/inflate.ts";
import { unpackZstd } from "../../compression/zstd.ts";
import { latin1 } from "../../latin1.ts";
import { uint24le, uint32le } from "../byte-reader.ts";
import { Recognition, Sender } from "../protocol.ts";
import { isSqlStart } from "../sql/start.ts";
import { readQueryAttributes } from "./attributes.ts";
import { Capability, Command, HEADER_BYTES, MAX_PACKET } from "./wire.ts";

/** Of the compressed protocol. */
const OUTER_HEADER_BYTES = 7;
/** A longer one is not waited for. */
const MAX_COMMAND_BYTES = 3000;

export function recognizeMysql(bytes: Uint8Array, sender: Sender | undefined): Recognition {
  if (bytes.length < HEADER_BYTES + 1) {
    return bytes.length < 3 || uint24le(bytes, 0) > 0 ? Recognition.needMore : Recognition.no;
  }
  const length = uint24le(bytes, 0);
  const sequence = bytes[3]!;
  if (length === 0 || length > MAX_PACKET) return Recognition.no;
  const asClient = sender === Sender.server ? Recognition.no : clientPacket(bytes, length, sequence);
  if (asClient === Recognition.no && sender !== Sender.server) {
    const compressed = compressedCommand(bytes);
    if (compressed === Recognition.request || (compressed !== Recognition.no && sender === Sender.client))
      return compressed;
  }
  if (asClient === Recognition.request || sender === Sender.client) return asClient;
  const asServer = serverPacket(bytes, length, sequence);
  if (asServer !== Recognition.no) return asServer;
  return asClient === Recognition.no && isCompressedAnswer(bytes) ? Recognition.needMore : asClient;
}

function clientPacket(bytes: Uint8Array, length: number, sequence: number): Recognition {
  const body = HEADER_BYTES;
  const end = Math.min(bytes.length, body + length);
  if (sequence === 1) return loginPacket(bytes, length);
  if (sequence !== 0) return Recognition.no;
  const first = bytes[body]!;
  switch (first) {
    case Command.query:
    case Command.statementPrepare: {
      if (end - body < Math.min(length, 9)) return Recognition.needMore;
      if (isSqlStart(bytes, body + 1, end)) return Recognition.request;
      if (first !== Command.query || bytes[body + 2] !== 1) return Recognition.no;
      const attributes = readQueryAttributes(bytes, body + 1, end);
      if (attributes === undefined) {
        const isCut = end < body + length && bytes[body + 1]! <= 32 && length <= MAX_COMMAND_BYTES;
        return isCut ? Recognition.needMore : Recognition.no;
      }
      if (end < Math.min(body + length, attributes.textStart + 8)) return Recognition.needMore;
      return isSqlStart(bytes, attributes.textStart, end) ? Recognition.request : Recognition.no;
    }
    case Command.statementExecute:
      if (length < 10) return Recognition.no;
      if (end - body < 10) return Recognition.needMore;
      return uint32le(bytes, body + 6) === 1 && bytes[body + 5]! <= 15 ? Recognition.request : Recognition.no;
    case Command.ping:
    case Command.quit:
    case Command.resetConnection:
    case Command.statistics:
      // One may be anybody's; a second packet that fits as well is proof.
      if (length !== 1) return Recognition.no;
      return end === bytes.length ? Recognition.needMore : nextPacket(bytes, end, Sender.client);
    case Command.statementClose:
    case Command.statementReset:
      return length === 5 ? Recognition.needMore : Recognition.no;
    case Command.initDb:
    case Command.fieldList:
      return length < 256 && /^[\w$-]+\0?/.test(latin1(bytes, body + 1, end)) ? Recognition.needMore : Recognition.no;
    default:
      return Recognition.no;
  }
}

/** A short packet was passed: what follows it decides. */
function nextPacket(bytes: Uint8Array, at: number, sender: Sender): Recognition {
  return recognizeMysql(bytes.subarray(at, at + 4096), sender);
}

/**
 * The compressed protocol in mid-connection: an outer packet that holds one whole command, packed by zlib or as it is.
 */
export function isCompressedCommand(bytes: Uint8Array): boolean {
  return compressedCommand(bytes) === Recognition.request;
}

function compressedCommand(bytes: Uint8Array): Recognition {
  const outer = uint24le(bytes, 0);
  if ((bytes[3] ?? 0) !== 0 || outer < HEADER_BYTES) return Recognition.no;
  if (bytes.length < OUTER_HEADER_BYTES + 1) return Recognition.needMore;
  const plainLength = uint24le(bytes, 4);
  const first = bytes[OUTER_HEADER_BYTES];
  if (plainLength !== 0 && (plainLength <= outer || !isPacked(first))) return Recognition.no;
  if (outer > MAX_COMMAND_BYTES) return Recognition.no;
  const body = bytes.subarray(OUTER_HEADER_BYTES, OUTER_HEADER_BYTES + outer);
  if (plainLength === 0) {
    if (body.length < 3) return Recognition.needMore;
    if (uint24le(body, 0) + HEADER_BYTES !== outer) return Recognition.no;
    if (body.length < Math.min(outer, HEADER_BYTES + 10)) return Recognition.needMore;
    return isCommand(body) ? Recognition.request : Recognition.no;
  }
  if (body.length < outer) return Recognition.needMore;
  const plain = first === 0x78 ? inflateZlib(body, 64) : unpackZstd(body, 64);
  const isWhole =
    plain !== undefined && plain.length > HEADER_BYTES && uint24le(plain, 0) + HEADER_BYTES === plainLength;
  return isWhole && isCommand(plain) ? Recognition.request : Recognition.no;
}

/** How zlib and zstd begin. */
function isPacked(first: number | undefined): boolean {
  return first === 0x78 || first === 0x28;
}

/** Nothing in it can be proved without its request. */
function isCompressedAnswer(bytes: Uint8Array): boolean {
  const outer = uint24le(bytes, 0);
  if (bytes[3] !== 1 || outer < HEADER_BYTES) return false;
  if (bytes.length < OUTER_HEADER_BYTES + 4) return true;
  const plainLength = uint24le(bytes, 4);
  if (plainLength === 0) return bytes[OUTER_HEADER_BYTES + 3] === 1;
  return plainLength > outer && isPacked(bytes[OUTER_HEADER_BYTES]);
}

function isCommand(plain: Uint8Array): boolean {
  return clientPacket(plain, uint24le(plain, 0), plain[3]!) === Recognition.request;
}

function loginPacket(bytes: Uint8Array, length: number): Recognition {
  if (length < 32 || length > 4096) return Recognition.no;
  if (bytes.length < HEADER_BYTES + 32) return Recognition.needMore;
  const capabilities = uint32le(bytes, HEADER_BYTES);
  if ((capabilities & Capability.protocol41) === 0) return Recognition.no;
  // 19 bytes of zeros (MariaDB uses the last four of the 23).
  for (let i = HEADER_BYTES + 9; i < HEADER_BYTES + 28; i++) if (bytes[i] !== 0) return Recognition.no;
  return Recognition.request;
}

function serverPacket(bytes: Uint8Array, length: number, sequence: number): Recognition {
  const body = HEADER_BYTES;
  const first = bytes[body]!;
  if (first === 0xff && sequence <= 8 && length >= 9 && length < 600) {
    if (bytes.length < body + 9) return Recognition.needMore;
    const isError = /^#[0-9A-Z]{5}$/.test(latin1(bytes, body + 3, body + 9));
    return isError ? Recognition.response : Recognition.no;
  }
  if (sequence === 0 && first === 10) return greeting(bytes, length);
  if (sequence === 1 && length === 1 && first < 0xfb && first > 0) return resultHead(bytes);
  if (sequence >= 1 && sequence <= 8 && first === 0 && length >= 7 && length < 256) {
    return bytes.length <= body + length ? Recognition.needMore : nextPacket(bytes, body + length, Sender.server);
  }
  return Recognition.no;
}

function greeting(bytes: Uint8Array, length: number): Recognition {
  if (length < 30 || length > 512) return Recognition.no;
  const end = bytes.indexOf(0, HEADER_BYTES + 1);
  if (end < 0) return bytes.length < HEADER_BYTES + 100 ? Recognition.needMore : Recognition.no;
  const version = latin1(bytes, HEADER_BYTES + 1, end);
  return /^\d{1,3}\.\d{1,3}[ -~]{0,90}$/.test(version) ? Recognition.response : Recognition.no;
}

/** A column count, then the first column definition, whose catalog is always `def`. */
function resultHead(bytes: Uint8Array): Recognition {
  const column = HEADER_BYTES + 1;
  if (bytes.length < column + 8) return Recognition.needMore;
  const isColumn = bytes[column + 3] === 2 && latin1(bytes, column + 4, column + 8) === "\x03def";
  return isColumn ? Recognition.response : Recognition.no;
}
