/**
 * HTTP/2 (RFC 9113) with prior knowledge or after an upgrade, and gRPC on it: one exchange for each stream.
 *
 * Claims: the client's preface, a first SETTINGS frame of a server, or a chain of frames that all keep the rules of
 * their types with at least one header block whose fields HTTP knows. Header fields that hang on a table which was
 * not seen are unknown (hpack.ts). Pushed streams are decoded, for the table's sake, and not told.
 * Bound of the state: two HPACK tables, MAX_STREAMS open streams with MAX_HEADERS fields of MAX_VALUE_LENGTH
 * characters, MAX_BLOCK_BYTES of a header block that is not whole.
 */
import { makeRoom } from "../../../make-room.ts";
import { type Framing, firstBytes, LEFT_OUT } from "../../connection/framing.ts";
import { latin1 } from "../../latin1.ts";
import { uint32 } from "../byte-reader.ts";
import {
  INVALID,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  type RecognitionHint,
  Sender,
} from "../protocol.ts";
import {
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  frameLength,
  isAllowedFrame,
  isFrame,
  PREFACE,
  streamIdAt,
} from "./frames.ts";
import { type HeaderField, HpackDecoder } from "./hpack.ts";
import { type Http2Message, headerOf } from "./message.ts";
import { recognizeHttp2 } from "./recognition.ts";
import { describeHttp2 } from "./span.ts";

interface StreamState {
  readonly request: Http2Message | undefined;
  response: Http2Message | undefined;
  isRequestOpen: boolean;
}

interface PendingBlock {
  readonly streamId: number;
  readonly isEndStream: boolean;
  readonly isPush: boolean;
  parts: Uint8Array[];
  bytes: number;
}

interface Http2State {
  readonly decoders: [HpackDecoder, HpackDecoder];
  readonly blocks: [PendingBlock | undefined, PendingBlock | undefined];
  readonly streams: Map<number, StreamState>;
  readonly hasStarted: [boolean, boolean];
  /** Every frame was seen, from the first one. */
  readonly isFromPreface: [boolean, boolean];
}

const MAX_STREAMS = 4096;
const MAX_BLOCK_BYTES = 256 * 1024;
const MAX_HEADERS = 64;
const MAX_VALUE_LENGTH = 2048;
const MAX_FRAME = 1 << 24;

function newMessage(role: MessageRole, id: number): Http2Message {
  return { role, id, headers: new Map(), bodySize: 0, resetCode: undefined, isRefused: false };
}

function parse(bytes: Uint8Array, sender: Sender, state: Http2State, sink: MessageSink<Http2Message>): number {
  if (sender === Sender.client && bytes[0] === 0x50) {
    if (bytes.length < PREFACE.length) return NEED_MORE;
    if (latin1(bytes, 0, PREFACE.length) !== PREFACE) return INVALID;
    // Both tables are empty: from here everything is known.
    state.decoders[0] = new HpackDecoder(true);
    state.decoders[1] = new HpackDecoder(true);
    state.hasStarted.fill(true);
    state.isFromPreface.fill(true);
    return PREFACE.length;
  }
  if (bytes.length < FRAME_HEADER_BYTES) return NEED_MORE;
  const length = frameLength(bytes, 0);
  const type = bytes[3]!;
  const flags = bytes[4]!;
  const streamId = streamIdAt(bytes, 5);
  const total = FRAME_HEADER_BYTES + length;
  if (!(state.isFromPreface[sender] ? isAllowedFrame(bytes, 0) : isFrame(bytes, 0)) || length > MAX_FRAME)
    return INVALID;
  const block = state.blocks[sender];
  if (block !== undefined && type !== FrameType.continuation) return INVALID;
  switch (type) {
    case FrameType.data:
      data(streamId, length, (flags & FrameFlag.endStream) !== 0, sender, state, sink);
      return total;
    case FrameType.headers:
    case FrameType.pushPromise:
    case FrameType.continuation:
      return bytes.length < total ? NEED_MORE : headerFrame(bytes, type, flags, streamId, total, sender, state, sink);
    case FrameType.resetStream:
      if (bytes.length < total) return NEED_MORE;
      reset(streamId, uint32(bytes, FRAME_HEADER_BYTES), state, sink);
      return total;
    case FrameType.goAway: {
      if (bytes.length < FRAME_HEADER_BYTES + 8) return NEED_MORE;
      const last = streamIdAt(bytes, FRAME_HEADER_BYTES);
      for (const [id, stream] of state.streams) {
        if (id > last && sender === Sender.server && stream.request !== undefined) stream.request.isRefused = true;
      }
      return total;
    }
    default:
      return total;
  }
}

function data(
  streamId: number,
  length: number,
  isEnd: boolean,
  sender: Sender,
  state: Http2State,
  sink: MessageSink<Http2Message>,
): void {
  const stream = state.streams.get(streamId);
  const message = sender === Sender.client ? stream?.request : stream?.response;
  if (stream === undefined || message === undefined) return;
  if (message.bodySize !== undefined) message.bodySize += length;
  if (isEnd) finish(streamId, stream, sender, state, sink);
}

function finish(
  streamId: number,
  stream: StreamState,
  sender: Sender,
  state: Http2State,
  sink: MessageSink<Http2Message>,
): void {
  if (sender === Sender.client) {
    if (stream.isRequestOpen && stream.request !== undefined) sink.end(stream.request);
    stream.isRequestOpen = false;
  } else if (stream.response !== undefined) {
    sink.end(stream.response);
    state.streams.delete(streamId);
  }
}

function reset(streamId: number, code: number, state: Http2State, sink: MessageSink<Http2Message>): void {
  const stream = state.streams.get(streamId);
  if (stream === undefined) return;
  state.streams.delete(streamId);
  const message = stream.response ?? newMessage(MessageRole.response, streamId);
  message.resetCode = code;
  if (stream.response === undefined) sink.message(message);
  else sink.end(message);
}

function headerFrame(
  bytes: Uint8Array,
  type: number,
  flags: number,
  streamId: number,
  total: number,
  sender: Sender,
  state: Http2State,
  sink: MessageSink<Http2Message>,
): number {
  let from = FRAME_HEADER_BYTES;
  let to = total;
  let block = state.blocks[sender];
  if (type === FrameType.continuation) {
    // The block's beginning was lost: what it puts into the table is not known.
    if (block === undefined || block.streamId !== streamId) {
      if (state.hasStarted[sender]) return INVALID;
      state.decoders[sender].forget();
      return total;
    }
  } else {
    if ((flags & FrameFlag.padded) !== 0) to -= bytes[from++]!;
    if (type === FrameType.headers && (flags & FrameFlag.priority) !== 0) from += 5;
    if (type === FrameType.pushPromise) from += 4;
    if (from > to) return INVALID;
    const isEndStream = type === FrameType.headers && (flags & FrameFlag.endStream) !== 0;
    block = { streamId, isEndStream, isPush: type === FrameType.pushPromise, parts: [], bytes: 0 };
  }
  state.hasStarted[sender] = true;
  const isWhole = (flags & FrameFlag.endHeaders) !== 0;
  if (!isWhole) {
    block.parts.push(bytes.slice(from, to));
    block.bytes += to - from;
    if (block.bytes > MAX_BLOCK_BYTES) return INVALID;
    state.blocks[sender] = block;
    return total;
  }
  state.blocks[sender] = undefined;
  let source = bytes;
  if (block.parts.length > 0) {
    source = joined(block.parts, block.bytes, bytes.subarray(from, to));
    from = 0;
    to = source.length;
  }
  const fields = state.decoders[sender].decode(source, from, to);
  if (fields === undefined) return INVALID;
  if (!block.isPush) headers(fields, block, sender, state, sink);
  return total;
}

function joined(parts: readonly Uint8Array[], bytes: number, last: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes + last.length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  whole.set(last, at);
  return whole;
}

function headers(
  fields: readonly HeaderField[],
  block: PendingBlock,
  sender: Sender,
  state: Http2State,
  sink: MessageSink<Http2Message>,
): void {
  const { streamId, isEndStream } = block;
  // Even streams are pushed ones.
  if (streamId % 2 === 0) return;
  let stream = state.streams.get(streamId);
  if (sender === Sender.client) {
    if (stream !== undefined) {
      if (stream.request !== undefined) take(stream.request, fields);
      if (isEndStream) finish(streamId, stream, sender, state, sink);
      return;
    }
    const request = newMessage(MessageRole.request, streamId);
    take(request, fields);
    makeRoom(state.streams, MAX_STREAMS);
    state.streams.set(streamId, { request, response: undefined, isRequestOpen: !isEndStream });
    if (isEndStream) sink.message(request);
    else sink.begin(request);
    return;
  }
  if (stream === undefined) {
    stream = { request: undefined, response: undefined, isRequestOpen: false };
    if (!isEndStream && state.streams.size < MAX_STREAMS) state.streams.set(streamId, stream);
  }
  if (stream.response !== undefined) {
    take(stream.response, fields);
    if (isEndStream) finish(streamId, stream, sender, state, sink);
    return;
  }
  // Interim answers: the answer is still to come.
  if (!isEndStream && fields.some(({ name, value }) => name === ":status" && value?.[0] === "1")) return;
  const response = newMessage(MessageRole.response, streamId);
  take(response, fields);
  if (isEndStream) {
    state.streams.delete(streamId);
    sink.message(response);
  } else {
    stream.response = response;
    sink.begin(response);
  }
}

/** Trailers are added to the headers. */
function take(message: Http2Message, fields: readonly HeaderField[]): void {
  for (const { name, value } of fields) {
    if (name === undefined || value === undefined || message.headers.has(name)) continue;
    if (message.headers.size >= MAX_HEADERS) break;
    message.headers.set(name, value.length > MAX_VALUE_LENGTH ? value.slice(0, MAX_VALUE_LENGTH) : value);
  }
}

const COPIES = {
  others: firstBytes(FRAME_HEADER_BYTES),
  types: new Map([
    [FrameType.headers, firstBytes(0xffff)],
    [FrameType.pushPromise, firstBytes(0xffff)],
    [FrameType.continuation, firstBytes(0xffff)],
    [FrameType.resetStream, firstBytes(FRAME_HEADER_BYTES + 4)],
    [FrameType.goAway, firstBytes(FRAME_HEADER_BYTES + 8)],
    // Recognition reads the first one.
    [FrameType.settings, firstBytes(FRAME_HEADER_BYTES + 600)],
    [FrameType.priority, LEFT_OUT],
    [FrameType.ping, LEFT_OUT],
    [FrameType.windowUpdate, LEFT_OUT],
  ] as const),
};

const FRAMING: Framing = {
  preface: PREFACE,
  headerBytes: FRAME_HEADER_BYTES,
  length: { offset: 0, bytes: 3, bias: FRAME_HEADER_BYTES },
  typeOffset: 3,
  maximumBytes: FRAME_HEADER_BYTES + MAX_FRAME,
  client: COPIES,
  server: COPIES,
};

export const http2: Protocol<Http2Message, Http2State> = {
  name: "http2",
  networkProtocolName: "http",
  usualPorts: [50051, 8080, 80, 443],
  resyncsAtCallStart: true,
  framing: FRAMING,

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    return hint.transport === "tcp" ? recognizeHttp2(bytes, hint) : Recognition.no;
  },

  createState: () => ({
    decoders: [new HpackDecoder(false), new HpackDecoder(false)],
    blocks: [undefined, undefined],
    streams: new Map(),
    hasStarted: [false, false],
    isFromPreface: [false, false],
  }),

  parse,

  findBoundary(bytes, from): number {
    return isFrame(bytes, from) && chainFits(bytes, from) ? from : -1;
  },

  resync(state, sender): void {
    state.decoders[sender].forget();
    state.blocks[sender] = undefined;
    state.hasStarted[sender] = false;
    state.isFromPreface[sender] = false;
    for (const { request, response } of state.streams.values()) {
      const message = sender === Sender.client ? request : response;
      if (message !== undefined) message.bodySize = undefined;
    }
  },

  carried: headerOf,
  describe: describeHttp2,
};

/** As far as the view goes, frames follow one another. */
function chainFits(bytes: Uint8Array, from: number): boolean {
  let at = from;
  while (at + FRAME_HEADER_BYTES <= bytes.length) {
    if (!isFrame(bytes, at)) return false;
    at += FRAME_HEADER_BYTES + frameLength(bytes, at);
  }
  return true;
}
