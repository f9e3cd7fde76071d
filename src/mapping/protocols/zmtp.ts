/**
 * ZMTP 3.x (rfc.zeromq.org/spec/23, /spec/37): greetings, a handshake of the mechanism, then commands and messages of
 * one or more frames. A REQ socket's message is answered by the next one of the other side; all others are one-way.
 * Under CURVE all is encrypted, and nothing is said.
 *
 * Claims: the greeting's signature and version. Who connected, the bytes hardly say: the mechanism's server flag and
 * the socket's type do, where the kernel does not know. State: socket types and 64 subscriptions.
 */

import { latin1, utf8 } from "../latin1.ts";
import type { Attribute } from "../span.ts";
import { uint32 } from "./byte-reader.ts";
import { describeMessaging } from "./messaging-span.ts";
import {
  INVALID,
  type Message,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  type RecognitionHint,
  Sender,
} from "./protocol.ts";

interface ZmtpMessage extends Message {
  readonly kind: "message" | "subscribe" | "cancel" | "handshake";
  readonly socketType: string | undefined;
  readonly topic: string | undefined;
  readonly error: string | undefined;
  sizeBytes: number;
}

interface Peer {
  isGreeted: boolean;
  socketType: string | undefined;
  /** A message that goes on with another frame. */
  unfinished: ZmtpMessage | undefined;
}

interface ZmtpState {
  readonly peers: readonly [Peer, Peer];
  mechanism: string;
  /** Prefixes of topics that somebody asked for. */
  readonly subscriptions: Set<string>;
  hasHello: boolean;
}

const GREETING_BYTES = 64;
const Flag = { more: 1, long: 2, command: 4 } as const;
const MAX_COMMAND = 8192;
const MAX_SUBSCRIPTIONS = 64;
const TOPIC_BYTES = 255;
const CONNECTING = new Set(["REQ", "SUB", "XSUB", "PUSH", "DEALER"]);
const BINDING = new Set(["REP", "PUB", "XPUB", "PULL", "ROUTER"]);

/** `ff`, eight bytes, `7f`, version 3. */
function fitsGreeting(bytes: Uint8Array, at: number): boolean {
  const byte = (index: number, value: number): boolean => (bytes[at + index] ?? value) === value;
  return byte(0, 0xff) && byte(9, 0x7f) && byte(10, 3) && (bytes[at + 11] ?? 0) <= 1;
}

interface Frame {
  readonly flags: number;
  readonly headerBytes: number;
  readonly bodyBytes: number;
}

function readFrame(bytes: Uint8Array, at: number): Frame | typeof NEED_MORE | typeof INVALID {
  const flags = bytes[at];
  if (flags === undefined) return NEED_MORE;
  if (flags > 6 || (flags & (Flag.command | Flag.more)) === (Flag.command | Flag.more)) return INVALID;
  if ((flags & Flag.long) === 0) {
    const length = bytes[at + 1];
    return length === undefined ? NEED_MORE : { flags, headerBytes: 2, bodyBytes: length };
  }
  if (bytes.length < at + 9) return NEED_MORE;
  const high = uint32(bytes, at + 1);
  return high > 0xffff ? INVALID : { flags, headerBytes: 9, bodyBytes: high * 0x1_0000_0000 + uint32(bytes, at + 5) };
}

function parse(bytes: Uint8Array, sender: Sender, state: ZmtpState, sink: MessageSink<ZmtpMessage>): number {
  const peer = state.peers[sender]!;
  if (!peer.isGreeted) {
    if (!fitsGreeting(bytes, 0)) return INVALID;
    if (bytes.length < GREETING_BYTES) return NEED_MORE;
    peer.isGreeted = true;
    state.mechanism = latin1(bytes, 12, 32).split("\0")[0]!;
    return GREETING_BYTES;
  }
  const frame = readFrame(bytes, 0);
  if (frame === NEED_MORE || frame === INVALID) return frame;
  const { flags, headerBytes, bodyBytes } = frame;
  const total = headerBytes + bodyBytes;
  if ((flags & Flag.command) !== 0) {
    if (bodyBytes > MAX_COMMAND) return state.mechanism === "CURVE" ? total : INVALID;
    return bytes.length < total ? NEED_MORE : parseCommand(bytes, headerBytes, total, sender, state, sink);
  }
  if (bytes.length < headerBytes + Math.min(bodyBytes, TOPIC_BYTES)) return NEED_MORE;
  parseMessage(bytes, frame, sender, state, sink);
  return total;
}

function parseMessage(
  bytes: Uint8Array,
  { flags, headerBytes, bodyBytes }: Frame,
  sender: Sender,
  state: ZmtpState,
  sink: MessageSink<ZmtpMessage>,
): void {
  const peer = state.peers[sender]!;
  const hasMore = (flags & Flag.more) !== 0;
  const { unfinished } = peer;
  if (unfinished !== undefined) {
    unfinished.sizeBytes += bodyBytes;
    if (hasMore) return;
    peer.unfinished = undefined;
    sink.end(unfinished);
    return;
  }
  const end = headerBytes + Math.min(bodyBytes, TOPIC_BYTES);
  const type = peer.socketType;
  // Before 3.1 a subscription is a message: 1 or 0, and the topic.
  const isSubscription = (type === "SUB" || type === "XSUB") && !hasMore && bodyBytes > 0 && bytes[headerBytes]! <= 1;
  const message: ZmtpMessage = {
    role: type === "REQ" ? MessageRole.request : type === "REP" ? MessageRole.response : MessageRole.oneWay,
    id: undefined,
    kind: !isSubscription ? "message" : bytes[headerBytes] === 1 ? "subscribe" : "cancel",
    socketType: type,
    topic: isSubscription ? utf8(bytes, headerBytes + 1, end) : subscribed(utf8(bytes, headerBytes, end), type, state),
    error: undefined,
    sizeBytes: bodyBytes,
  };
  if (isSubscription) subscribe(message, state);
  if (hasMore) {
    peer.unfinished = message;
    sink.begin(message);
  } else sink.message(message);
}

/** A topic is shown as somebody asked for it: the frame itself may be all content. */
function subscribed(text: string, type: string | undefined, state: ZmtpState): string | undefined {
  if (type !== "PUB" && type !== "XPUB") return undefined;
  let longest: string | undefined;
  for (const topic of state.subscriptions) {
    if (text.startsWith(topic) && topic.length >= (longest?.length ?? 0)) longest = topic;
  }
  return longest === "" ? undefined : longest;
}

function subscribe({ kind, topic }: ZmtpMessage, state: ZmtpState): void {
  if (topic === undefined) return;
  if (kind === "cancel") state.subscriptions.delete(topic);
  else if (state.subscriptions.size < MAX_SUBSCRIPTIONS) state.subscriptions.add(topic);
}

function parseCommand(
  bytes: Uint8Array,
  from: number,
  end: number,
  sender: Sender,
  state: ZmtpState,
  sink: MessageSink<ZmtpMessage>,
): number {
  // libzmq's PLAIN server writes `^RROR`: "\\x5ERROR" in its source is another byte than the length and the name.
  const isMisspelt = latin1(bytes, from, Math.min(end, from + 5)) === "^RROR";
  const nameEnd = isMisspelt ? from + 5 : from + 1 + (bytes[from] ?? 0);
  if (nameEnd > end) return INVALID;
  const name = isMisspelt ? "ERROR" : latin1(bytes, from + 1, nameEnd);
  const base = { id: undefined, socketType: undefined, topic: undefined, error: undefined, sizeBytes: end - from };
  if (name === "READY" || name === "INITIATE") {
    const type = /Socket-Type[\s\S]{3}[\s\S]([A-Z]+)/.exec(latin1(bytes, nameEnd, end));
    if (type !== null) state.peers[sender]!.socketType = type[1]!;
  } else if (name === "SUBSCRIBE" || name === "CANCEL") {
    const kind = name === "SUBSCRIBE" ? "subscribe" : "cancel";
    const topic = utf8(bytes, nameEnd, Math.min(end, nameEnd + TOPIC_BYTES));
    const message: ZmtpMessage = { ...base, role: MessageRole.oneWay, kind, topic };
    subscribe(message, state);
    sink.message(message);
  } else if (name === "HELLO") {
    state.hasHello = true;
    sink.message({ ...base, role: MessageRole.request, kind: "handshake" });
  } else if (state.hasHello && (name === "WELCOME" || name === "ERROR")) {
    state.hasHello = false;
    const reasonBytes = bytes[nameEnd] ?? 0;
    const error = name === "ERROR" ? utf8(bytes, nameEnd + 1, Math.min(end, nameEnd + 1 + reasonBytes)) : undefined;
    sink.message({ ...base, role: MessageRole.response, kind: "handshake", error });
  } else if (name === "ERROR") {
    const error = utf8(bytes, nameEnd + 1, Math.min(end, nameEnd + 1 + (bytes[nameEnd] ?? 0)));
    sink.message({ ...base, role: MessageRole.oneWay, kind: "handshake", error });
  }
  return end;
}

function recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
  if (hint.transport !== "tcp" || !hint.isStreamStart || !fitsGreeting(bytes, 0)) return Recognition.no;
  if (bytes.length < 11) return Recognition.needMore;
  if (hint.sender !== undefined) return hint.sender === Sender.client ? Recognition.request : Recognition.response;
  if (bytes.length < GREETING_BYTES + 2) return Recognition.needMore;
  // PLAIN and CURVE say which end is the mechanism's server.
  if (bytes[32] === 1) return Recognition.response;
  const command = latin1(bytes, GREETING_BYTES, Math.min(bytes.length, GREETING_BYTES + 64));
  if (/^[\s\S]{3}HELLO/.test(command)) return Recognition.request;
  const type = /^[\s\S]{3}READY[\s\S]*Socket-Type[\s\S]{4}([A-Z]+)/.exec(command)?.[1];
  if (type === undefined) return command.length < 64 ? Recognition.needMore : Recognition.no;
  if (CONNECTING.has(type)) return Recognition.request;
  return BINDING.has(type) ? Recognition.response : Recognition.needMore;
}

export const zmtp: Protocol<ZmtpMessage, ZmtpState> = {
  name: "zmtp",
  networkProtocolName: "zmtp",
  usualPorts: [5555],
  resyncsAtCallStart: true,

  recognize,

  createState: () => ({
    peers: [
      { isGreeted: false, socketType: undefined, unfinished: undefined },
      { isGreeted: false, socketType: undefined, unfinished: undefined },
    ],
    mechanism: "",
    subscriptions: new Set(),
    hasHello: false,
  }),

  parse,

  /** The frames from there on must end where the bytes do. */
  findBoundary(bytes, from) {
    if (bytes.length >= from + 11 && bytes[from] === 0xff && fitsGreeting(bytes, from)) return from;
    let at = from;
    while (at < bytes.length) {
      const frame = readFrame(bytes, at);
      if (frame === NEED_MORE || frame === INVALID) return -1;
      at += frame.headerBytes + frame.bodyBytes;
    }
    return at === bytes.length && at > from ? from : -1;
  },

  resync(state, sender) {
    const peer = state.peers[sender]!;
    peer.unfinished = undefined;
    // A greeting is only at the start.
    peer.isGreeted = true;
  },

  describe(session, view) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const { kind, socketType, topic } = request;
    const error = request.error ?? response?.error;
    if (kind === "handshake" && error === undefined && session.incomplete === undefined) return undefined;
    const attributes: Attribute[] = [];
    if (socketType !== undefined) attributes.push(["sockspan.zmtp.socket_type", socketType]);
    const isReply = socketType === "REQ";
    return describeMessaging(session, view, {
      system: "zeromq",
      operation:
        kind !== "message"
          ? kind
          : isReply
            ? "request"
            : socketType === "PUB" || socketType === "XPUB"
              ? "publish"
              : "send",
      type: kind === "message" ? "send" : undefined,
      destination: topic,
      attributes,
      errorType: error,
    });
  },
};
