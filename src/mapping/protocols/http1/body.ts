/** What is behind an HTTP/1 head: chunks, trailers, and bodies whose first bytes are read. */
import { latin1 } from "../../latin1.ts";
import { RPC_BODY_BYTES, readHttpRpc } from "../http/rpc.ts";
import { INVALID, type MessageSink, NEED_MORE } from "../protocol.ts";
import { parseFraming } from "./head.ts";
import { CR, type DirectionState, type Http1Message, LF, MAX_HEAD, Phase } from "./state.ts";

const MAX_CHUNK_LINE = 4096;
const SPACE = 32;

/** @param isCut no more of it will come */
export function parseBody(
  bytes: Uint8Array,
  direction: DirectionState,
  sink: MessageSink<Http1Message>,
  isCut: boolean,
): number {
  const message = direction.message!;
  const size = message.bodySize!;
  if (!isCut && bytes.length < Math.min(size, RPC_BODY_BYTES)) return NEED_MORE;
  const { fields } = message;
  message.rpc = readHttpRpc(
    bytes.subarray(0, size),
    fields.valueOf("content-type") ?? "",
    fields.valueOf("soapaction"),
  );
  direction.phase = Phase.head;
  direction.message = undefined;
  sink.end(message);
  return size;
}

/** RFC 9112 section 7.1: `chunk-size [ chunk-ext ] CRLF chunk-data CRLF`, the last one of size 0. */
export function parseChunk(bytes: Uint8Array, direction: DirectionState): number {
  let size = 0;
  let index = 0;
  for (; index < bytes.length; index++) {
    const digit = hexDigit(bytes[index]!);
    if (digit < 0) break;
    if (index >= 12) return INVALID;
    size = size * 16 + digit;
  }
  if (index === bytes.length) return NEED_MORE;
  if (index === 0) return INVALID;
  const next = bytes[index]!;
  if (next !== CR && next !== LF && next !== 0x3b && next !== SPACE && next !== 9) return INVALID;
  const lineEnd = bytes.indexOf(LF, index);
  if (lineEnd < 0) return bytes.length > MAX_CHUNK_LINE ? INVALID : NEED_MORE;
  if (size > 0) return lineEnd + 1 + size + 2;
  direction.phase = Phase.trailers;
  return lineEnd + 1;
}

export function parseTrailers(bytes: Uint8Array, direction: DirectionState, sink: MessageSink<Http1Message>): number {
  let end: number;
  if (bytes[0] === LF) end = 1;
  else if (bytes[0] === CR) {
    if (bytes.length < 2) return NEED_MORE;
    if (bytes[1] !== LF) return INVALID;
    end = 2;
  } else {
    end = endOfHead(bytes, 0);
    if (end < 0) return bytes.length > MAX_HEAD ? INVALID : NEED_MORE;
    if (parseFraming(latin1(bytes, 0, end), 0) === undefined) return INVALID;
  }
  const message = direction.message;
  direction.phase = Phase.head;
  direction.message = undefined;
  if (message !== undefined) sink.end(message);
  return end;
}

/** Index behind the empty line that ends a head, -1 if it is not there. @param scanned bytes known to hold no end */
export function endOfHead(bytes: Uint8Array, scanned: number): number {
  const length = bytes.length;
  for (let index = Math.max(0, scanned - 3); index < length; index++) {
    if (bytes[index] !== LF) continue;
    const next = bytes[index + 1];
    if (next === LF) return index + 2;
    if (next === CR && bytes[index + 2] === LF) return index + 3;
  }
  return -1;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  return byte >= 0x41 && byte <= 0x46 ? byte - 0x37 : -1;
}
