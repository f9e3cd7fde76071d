/**
 * AMQP 0-9-1 (RabbitMQ): requests and their answers by channel, publishing and delivery with their content, and the
 * errors that close a channel or a connection.
 *
 * Claims: the protocol header, or a frame whose type, size, method and end mark all fit.
 * Bound of the state: MAX_CHANNELS channels with one request in work and one content in each direction, and the last
 * MAX_DELIVERIES deliveries that are not acknowledged.
 */
import { type Framing, firstBytes, LEFT_OUT } from "../../connection/framing.ts";
import { ByteReader, uint16, uint32 } from "../byte-reader.ts";
import {
  INVALID,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  type RecognitionHint,
  Sender,
} from "../protocol.ts";
import { Deliveries } from "./deliveries.ts";
import { methodFrame } from "./method-frame.ts";
import { Method, readTable, senderOfMethod } from "./methods.ts";
import { describeAmqp091 } from "./span.ts";
import { type Amqp091Message, type Amqp091State, type Content, FRAME_HEADER_BYTES } from "./state.ts";

const FrameType = { method: 1, header: 2, body: 3, heartbeat: 8 } as const;
const FRAME_END = 0xce;
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const PREFIX_BYTES = 8192;
const PROTOCOL_HEADER_BYTES = 8;
/** A content follows them. */
const CONTENT_METHODS = new Set<number>([
  Method.basicPublish,
  Method.basicReturn,
  Method.basicDeliver,
  Method.basicGetOk,
]);

function isFrameHeader(bytes: Uint8Array, at: number): boolean {
  const type = bytes[at]!;
  const size = uint32(bytes, at + 3);
  if (size > MAX_FRAME_BYTES) return false;
  if (type === FrameType.method) return size >= 4;
  if (type === FrameType.header) return size >= 14;
  return type === FrameType.body || (type === FrameType.heartbeat && size === 0 && uint16(bytes, at + 1) === 0);
}

function parse(bytes: Uint8Array, sender: Sender, state: Amqp091State, sink: MessageSink<Amqp091Message>): number {
  if (bytes[0] === 0x41) {
    if (bytes.length < PROTOCOL_HEADER_BYTES) return NEED_MORE;
    return bytes[1] === 0x4d && bytes[2] === 0x51 && bytes[3] === 0x50 ? PROTOCOL_HEADER_BYTES : INVALID;
  }
  if (bytes.length < FRAME_HEADER_BYTES) return NEED_MORE;
  if (!isFrameHeader(bytes, 0)) return INVALID;
  const size = uint32(bytes, 3);
  const total = FRAME_HEADER_BYTES + size + 1;
  const channel = uint16(bytes, 1);
  const contents = state.contents[sender];
  if (bytes[0] === FrameType.body) {
    const content = contents.get(channel);
    if (content?.remaining !== undefined) {
      content.remaining -= size;
      if (content.remaining <= 0) finish(channel, content, contents, sink);
    }
    return total;
  }
  const needed = Math.min(total, PREFIX_BYTES);
  if (bytes.length < needed) return NEED_MORE;
  if (needed === total && bytes[total - 1] !== FRAME_END) return INVALID;
  const end = Math.min(FRAME_HEADER_BYTES + size, needed);
  if (bytes[0] === FrameType.header) {
    const content = contents.get(channel);
    if (content !== undefined && content.remaining === undefined) {
      readProperties(bytes, 0, end, content);
      if (content.remaining === 0) finish(channel, content, contents, sink);
    }
  } else if (bytes[0] === FrameType.method) {
    const method = uint16(bytes, 7) * 1000 + uint16(bytes, 9);
    const from = senderOfMethod(method);
    if (from === undefined || (from !== "both" && (from === "client") !== (sender === Sender.client))) return INVALID;
    // A trace is found when a message begins: what it carries stands in the frame behind.
    const header = CONTENT_METHODS.has(method) && needed === total ? headerBehind(bytes, total, channel) : 0;
    if (header < 0) return NEED_MORE;
    methodFrame({ method, channel, sender, bytes, end }, state, sink);
    const content = header === 0 ? undefined : contents.get(channel);
    if (content !== undefined && content.remaining === undefined) {
      readProperties(bytes, total, Math.min(bytes.length, total + header - 1), content);
      if (content.remaining === 0) finish(channel, content, contents, sink);
    }
    return total + header;
  }
  return total;
}

/** @returns the length of the content header's frame at `at`, 0: another frame is there, -1: not all of it is there */
function headerBehind(bytes: Uint8Array, at: number, channel: number): number {
  if (bytes.length < at + FRAME_HEADER_BYTES) return -1;
  if (bytes[at] !== FrameType.header || uint16(bytes, at + 1) !== channel || !isFrameHeader(bytes, at)) return 0;
  const total = FRAME_HEADER_BYTES + uint32(bytes, at + 3) + 1;
  return bytes.length < at + Math.min(total, PREFIX_BYTES) ? -1 : total;
}

function finish(
  channel: number,
  content: Content,
  contents: Map<number, Content>,
  sink: MessageSink<Amqp091Message>,
): void {
  contents.delete(channel);
  sink.end(content.message);
}

/** class, weight, body size, flags, properties in the order of the flags. */
function readProperties(bytes: Uint8Array, at: number, end: number, content: Content): void {
  const reader = new ByteReader(bytes, at + FRAME_HEADER_BYTES + 4, end);
  const { message } = content;
  content.remaining = reader.uint64();
  message.bodySize = content.remaining;
  const flags = reader.uint16();
  const has = (bit: number): boolean => (flags & (1 << bit)) !== 0;
  const text = (): string => reader.utf8(reader.uint8());
  if (has(15)) text();
  if (has(14)) text();
  if (has(13)) {
    const length = reader.uint32();
    const tableEnd = reader.position + length;
    const table = readTable(reader, tableEnd);
    if (table.size > 0) message.headers = table;
    if (reader.position < tableEnd) reader.skip(tableEnd - reader.position);
  }
  if (has(12)) reader.skip(1);
  if (has(11)) reader.skip(1);
  const correlationId = has(10) ? text() : undefined;
  if (has(9)) text();
  if (has(8)) text();
  const messageId = has(7) ? text() : undefined;
  if (reader.failed) return;
  message.correlationId = correlationId;
  message.messageId = messageId;
}

function recognize(bytes: Uint8Array, at: number, sender: Sender | undefined): Recognition {
  if (bytes[at] === 0x41) {
    const seen = bytes.subarray(at, at + PROTOCOL_HEADER_BYTES);
    if (sender === Sender.server || !"AMQP".startsWith(String.fromCharCode(...seen.subarray(0, 4))))
      return Recognition.no;
    if (seen.length < PROTOCOL_HEADER_BYTES)
      return seen.length < 5 || seen[4] === 0 || seen[4] === 1 ? Recognition.needMore : Recognition.no;
    // 0-9-1 and 0-9; AMQP 1.0 has its own numbers here.
    return seen[4] === 0 && seen[5] === 0 && seen[6] === 9 ? Recognition.request : Recognition.no;
  }
  if (bytes.length < at + FRAME_HEADER_BYTES) {
    return bytes[at]! >= 1 && bytes[at]! <= 8 && (bytes.length < at + 4 || bytes[at + 3] === 0)
      ? Recognition.needMore
      : Recognition.no;
  }
  if (!isFrameHeader(bytes, at) || bytes[at] !== FrameType.method) return Recognition.no;
  const end = at + FRAME_HEADER_BYTES + uint32(bytes, at + 3);
  if (end - at > 65_536) return Recognition.no;
  if (bytes.length <= end) return Recognition.needMore;
  if (bytes[end] !== FRAME_END) return Recognition.no;
  const from = senderOfMethod(uint16(bytes, at + 7) * 1000 + uint16(bytes, at + 9));
  if (from === undefined) return Recognition.no;
  const side = from === "both" ? sender : from === "client" ? Sender.client : Sender.server;
  if (side === undefined) return Recognition.needMore;
  if (sender !== undefined && sender !== side) return Recognition.no;
  return side === Sender.client ? Recognition.request : Recognition.response;
}

const COPIES = {
  others: firstBytes(PREFIX_BYTES),
  types: new Map([
    [FrameType.body, firstBytes(FRAME_HEADER_BYTES)],
    [FrameType.heartbeat, LEFT_OUT],
  ] as const),
};

const FRAMING: Framing = {
  preface: "AMQP\0\0\x09\x01",
  headerBytes: FRAME_HEADER_BYTES,
  length: { offset: 3, bytes: 4, bias: FRAME_HEADER_BYTES + 1 },
  typeOffset: 0,
  maximumBytes: FRAME_HEADER_BYTES + MAX_FRAME_BYTES + 1,
  client: COPIES,
  server: COPIES,
};

export const amqp091: Protocol<Amqp091Message, Amqp091State> = {
  name: "amqp091",
  networkProtocolName: "amqp",
  usualPorts: [5672],
  resyncsAtCallStart: true,
  framing: FRAMING,

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    return hint.transport === "tcp" ? recognize(bytes, 0, hint.sender) : Recognition.no;
  },

  createState: () => ({
    virtualHost: undefined,
    pending: new Map(),
    contents: [new Map(), new Map()],
    deliveries: new Deliveries(),
    count: 0,
  }),
  parse,

  findBoundary(bytes, from, sender): number {
    const verdict = recognize(bytes, from, sender);
    return verdict === Recognition.request || verdict === Recognition.response ? from : -1;
  },

  resync(state, sender): void {
    state.contents[sender].clear();
    state.pending.clear();
    if (sender === Sender.server) state.deliveries.clear();
  },

  carried: (message, key) => message.headers?.get(key),
  describe: describeAmqp091,
};
