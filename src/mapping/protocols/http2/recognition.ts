/** Do these bytes begin frames that only HTTP/2 sends? */
import { latin1 } from "../../latin1.ts";
import { Recognition, type RecognitionHint, Sender } from "../protocol.ts";
import { FRAME_HEADER_BYTES, FrameFlag, FrameType, frameLength, isFrame, PREFACE, streamIdAt } from "./frames.ts";
import { HpackDecoder } from "./hpack.ts";

/** Frames looked at before a claim. */
const MAX_LOOKED_AT = 8;
const MAX_PLAUSIBLE_LENGTH = 1 << 20;

export function recognizeHttp2(bytes: Uint8Array, hint: RecognitionHint): Recognition {
  const { sender } = hint;
  if (bytes[0] === 0x50) {
    if (sender === Sender.server) return Recognition.no;
    const seen = latin1(bytes, 0, Math.min(bytes.length, PREFACE.length));
    if (!PREFACE.startsWith(seen)) return Recognition.no;
    return seen.length === PREFACE.length ? Recognition.request : Recognition.needMore;
  }
  let at = 0;
  for (let frames = 0; frames < MAX_LOOKED_AT; frames++) {
    if (at + FRAME_HEADER_BYTES > bytes.length) {
      return isHeaderSoFar(bytes, at) ? Recognition.needMore : Recognition.no;
    }
    if (!isFrame(bytes, at) || frameLength(bytes, at) > MAX_PLAUSIBLE_LENGTH) return Recognition.no;
    const type = bytes[at + 3]!;
    const end = at + FRAME_HEADER_BYTES + frameLength(bytes, at);
    if (type === FrameType.headers) {
      if (end > bytes.length) return Recognition.needMore;
      return headersSide(bytes, at, end, sender);
    }
    // A server's first frame is SETTINGS, and no client's is.
    if (type === FrameType.settings && hint.isStreamStart && at === 0 && sender !== Sender.client) {
      if (end > bytes.length) return Recognition.needMore;
      return areSettings(bytes, FRAME_HEADER_BYTES, end) ? Recognition.response : Recognition.no;
    }
    at = end;
  }
  return Recognition.no;
}

/** An incomplete header of a frame: a length that is plausible. */
function isHeaderSoFar(bytes: Uint8Array, at: number): boolean {
  if (at >= bytes.length) return true;
  if (bytes[at]! > 0x0f) return false;
  return at + 4 > bytes.length || bytes[at + 3]! <= FrameType.priorityUpdate;
}

/** Identifiers 1 to 9 (RFC 9113 6.5.2, RFC 8441, RFC 9218), reserved ones of GREASE, each with a value. */
function areSettings(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at += 6) {
    const id = (bytes[at]! << 8) | bytes[at + 1]!;
    if (id === 0 || (id > 16 && (id & 0x0f0f) !== 0x0a0a && id < 0xf000)) return false;
  }
  return true;
}

function headersSide(bytes: Uint8Array, at: number, end: number, sender: Sender | undefined): Recognition {
  const flags = bytes[at + 4]!;
  if (streamIdAt(bytes, at + 5) % 2 === 0) return Recognition.no;
  let from = at + FRAME_HEADER_BYTES;
  let to = end;
  if ((flags & FrameFlag.padded) !== 0) to -= bytes[from++]!;
  if ((flags & FrameFlag.priority) !== 0) from += 5;
  const fields = from >= to ? undefined : new HpackDecoder(false).decode(bytes, from, to);
  if (fields === undefined) return Recognition.no;
  let known = 0;
  let side: Sender | undefined;
  for (const { name, value } of fields) {
    if (name === undefined) continue;
    if (!/^:?[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name)) return Recognition.no;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what no field value holds (RFC 9110 5.5)
    if (value !== undefined && /[\u0000\r\n]/.test(value)) return Recognition.no;
    known++;
    if (name === ":status") side = Sender.server;
    else if (name.startsWith(":")) side = Sender.client;
    else if (
      /^(?:te|user-agent|host|cookie|accept.*|grpc-timeout|grpc-accept-encoding|authorization|traceparent)$/.test(name)
    ) {
      side ??= Sender.client;
    } else if (/^(?:grpc-status|grpc-message|server|set-cookie|etag|last-modified|location)$/.test(name)) {
      side ??= Sender.server;
    }
  }
  side ??= sender;
  if (known === 0 || side === undefined || (sender !== undefined && sender !== side)) return Recognition.no;
  return side === Sender.client ? Recognition.request : Recognition.response;
}
