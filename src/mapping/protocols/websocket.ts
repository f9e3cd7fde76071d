/**
 * WebSocket (RFC 6455; RFC 7692 for compressed messages) behind an HTTP upgrade. A message is one-way, whoever sends
 * it; its payload is skipped. Pings and pongs make no spans, nor does a regular close.
 *
 * Claims nothing by itself: HTTP's 101 says that it is here. State: one unfinished message for each direction.
 */
import type { Attribute } from "../span.ts";
import { agreed } from "./framed.ts";
import {
  INVALID,
  type Message,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  Sender,
} from "./protocol.ts";

const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const OPCODES: ReadonlySet<number> = new Set(Object.values(Opcode));
/** Section 7.4.1: the codes of a regular end. */
const REGULAR = new Set([1000, 1001, 1005]);

interface WebsocketMessage extends Message {
  readonly opcode: number;
  /** Sum of its frames so far. */
  sizeBytes: number;
  readonly closeCode: number | undefined;
}

interface WebsocketState {
  readonly unfinished: [WebsocketMessage | undefined, WebsocketMessage | undefined];
}

interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly headerBytes: number;
  readonly payloadBytes: number;
}

/** Section 5.2. */
function readFrame(bytes: Uint8Array, at: number, sender: Sender): Frame | typeof NEED_MORE | typeof INVALID {
  const first = bytes[at];
  const second = bytes[at + 1];
  if (first === undefined) return NEED_MORE;
  const opcode = first & 15;
  const isControl = opcode >= 8;
  // The first reserved bit is that of compressed messages; control frames are whole.
  if (!OPCODES.has(opcode) || (first & 0x30) !== 0 || (isControl && (first & 0xc0) !== 0x80)) return INVALID;
  if (second === undefined) return NEED_MORE;
  const isMasked = second >= 0x80;
  if (isMasked !== (sender === Sender.client)) return INVALID;
  const short = second & 0x7f;
  if (isControl && short > 125) return INVALID;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (bytes.length < at + 2 + lengthBytes) return NEED_MORE;
  let payloadBytes = lengthBytes === 0 ? short : 0;
  for (let i = 0; i < lengthBytes; i++) payloadBytes = payloadBytes * 256 + bytes[at + 2 + i]!;
  if (payloadBytes > Number.MAX_SAFE_INTEGER / 2) return INVALID;
  return { opcode, isFinal: first >= 0x80, headerBytes: 2 + lengthBytes + (isMasked ? 4 : 0), payloadBytes };
}

function closeCode(bytes: Uint8Array, { headerBytes, payloadBytes }: Frame, sender: Sender): number {
  if (payloadBytes < 2) return 1005;
  const mask = sender === Sender.client ? headerBytes - 4 : -1;
  const byte = (index: number): number => bytes[headerBytes + index]! ^ (mask < 0 ? 0 : bytes[mask + index]!);
  return byte(0) * 256 + byte(1);
}

export const websocket: Protocol<WebsocketMessage, WebsocketState> = {
  name: "websocket",
  networkProtocolName: "websocket",
  usualPorts: [],
  resyncsAtCallStart: true,

  recognize: (_, hint) => agreed(Recognition.no, hint.sender),

  createState: () => ({ unfinished: [undefined, undefined] }),

  parse(bytes, sender, state, sink: MessageSink<WebsocketMessage>) {
    const frame = readFrame(bytes, 0, sender);
    if (frame === NEED_MORE || frame === INVALID) return frame;
    const { opcode, isFinal, headerBytes, payloadBytes } = frame;
    const unfinished = state.unfinished[sender];
    const total = headerBytes + payloadBytes;
    if (opcode >= Opcode.close) {
      if (opcode !== Opcode.close) return total;
      if (bytes.length < total) return NEED_MORE;
      const code = closeCode(bytes, frame, sender);
      sink.message({ role: MessageRole.oneWay, id: undefined, opcode, sizeBytes: payloadBytes, closeCode: code });
      return total;
    }
    if (opcode === Opcode.continuation) {
      // Behind a gap: the rest of a message whose start was lost.
      if (unfinished === undefined) return total;
      unfinished.sizeBytes += payloadBytes;
      if (isFinal) {
        state.unfinished[sender] = undefined;
        sink.end(unfinished);
      }
      return total;
    }
    if (unfinished !== undefined) return INVALID;
    const message: WebsocketMessage = {
      role: MessageRole.oneWay,
      id: undefined,
      opcode,
      sizeBytes: payloadBytes,
      closeCode: undefined,
    };
    if (isFinal) sink.message(message);
    else {
      state.unfinished[sender] = message;
      sink.begin(message);
    }
    return total;
  },

  /** The frames from there on must end where the bytes do. */
  findBoundary(bytes, from, sender) {
    let at = from;
    while (at < bytes.length) {
      const frame = readFrame(bytes, at, sender);
      if (frame === NEED_MORE || frame === INVALID) return -1;
      at += frame.headerBytes + frame.payloadBytes;
    }
    return at === bytes.length && at > from ? from : -1;
  },

  resync(state, sender) {
    state.unfinished[sender] = undefined;
  },

  describe(session) {
    const { request } = session;
    if (request === undefined) return undefined;
    const { opcode, closeCode: code } = request;
    if (code !== undefined && REGULAR.has(code)) return undefined;
    const type = opcode === Opcode.text ? "text" : opcode === Opcode.binary ? "binary" : "close";
    const attributes: Attribute[] = [
      ["sockspan.websocket.message.type", type],
      ["sockspan.websocket.message.size", request.sizeBytes],
    ];
    if (code !== undefined) {
      attributes.push(["sockspan.websocket.close.code", code], ["error.type", String(code)]);
    }
    return { name: `websocket ${type}`, attributes, isError: code !== undefined };
  },
};
