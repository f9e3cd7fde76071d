/**
 * NATS (docs.nats.io, client protocol) with headers and JetStream: publishing, delivery, and requests, whose answer
 * comes to the inbox that they name.
 *
 * Claims: INFO and CONNECT with their JSON, PUB, HPUB, SUB, MSG and HMSG lines of strict form.
 * Bound of the state: MAX_PENDING inboxes.
 */
import { latin1, utf8 } from "../latin1.ts";
import { type Attribute, SpanKind } from "../span.ts";
import { nameWithDestination } from "./destination.ts";
import { missingResponse } from "./failure.ts";
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
  type Session,
  type SpanFields,
  type SpanView,
} from "./protocol.ts";

interface NatsMessage extends Message {
  readonly sender: Sender;
  readonly subject: string;
  readonly bodySize: number;
  /** Lower case. */
  headers: Map<string, string> | undefined;
  /** Of an answer's headers: `503` is what the server says when nobody listens. */
  status: string | undefined;
  /** Text of `-ERR`. */
  readonly error: string | undefined;
}

interface NatsState {
  readonly inboxes: Set<string>;
}

const LF = 10;
const MAX_LINE = 4096;
/** INFO lists all servers of a cluster. */
const MAX_INFO_LINE = 1 << 20;
const MAX_PAYLOAD = 64 * 1024 * 1024;
const MAX_PENDING = 1024;
const MAX_HEADER_BYTES = 8192;
const MAX_HEADERS = 32;
const SUBJECT = "[^\\s\\0]{1,255}";
const CLIENT = new RegExp(
  `^(?:(PUB) (${SUBJECT})(?:\\s+(${SUBJECT}))?\\s+(\\d{1,9})|(HPUB) (${SUBJECT})(?:\\s+(${SUBJECT}))?\\s+(\\d{1,9})\\s+(\\d{1,9})|SUB ${SUBJECT}(?:\\s+${SUBJECT})?\\s+\\S{1,32}|UNSUB \\S{1,32}(?:\\s+\\d+)?|CONNECT \\{.*\\}|PING|PONG)\\s*$`,
  "i",
);
const SERVER = new RegExp(
  `^(?:(MSG) (${SUBJECT})\\s+\\S{1,32}(?:\\s+(${SUBJECT}))?\\s+(\\d{1,9})|(HMSG) (${SUBJECT})\\s+\\S{1,32}(?:\\s+(${SUBJECT}))?\\s+(\\d{1,9})\\s+(\\d{1,9})|INFO \\{.*\\}|PING|PONG|\\+OK|-ERR (.*))\\s*$`,
  "i",
);

function parse(bytes: Uint8Array, sender: Sender, state: NatsState, sink: MessageSink<NatsMessage>): number {
  const lf = bytes.indexOf(LF);
  const isInfo = bytes[0] === 0x49 || bytes[0] === 0x43;
  const limit = isInfo ? MAX_INFO_LINE : MAX_LINE;
  if (lf < 0) return bytes.length > limit ? INVALID : NEED_MORE;
  if (lf > limit) return INVALID;
  const line = utf8(bytes, 0, bytes[lf - 1] === 13 ? lf - 1 : lf);
  const match = (sender === Sender.client ? CLIENT : SERVER).exec(line);
  if (match === null) return INVALID;
  const next = lf + 1;
  if (match[10] !== undefined) {
    sink.message({ ...newMessage(MessageRole.oneWay, sender, "", 0), error: match[10].slice(0, 256) });
    return next;
  }
  if (match[1] !== undefined) {
    const size = Number(match[4]);
    if (size > MAX_PAYLOAD) return INVALID;
    sink.message(withRole(newMessage(MessageRole.oneWay, sender, match[2]!, size), match[3], state));
    return next + size + 2;
  }
  if (match[5] === undefined) return next;
  const headerSize = Number(match[8]);
  const size = Number(match[9]);
  if (size > MAX_PAYLOAD || headerSize > size) return INVALID;
  if (bytes.length < next + Math.min(headerSize, MAX_HEADER_BYTES)) return NEED_MORE;
  const message = withRole(newMessage(MessageRole.oneWay, sender, match[6]!, size - headerSize), match[7], state);
  readHeaders(latin1(bytes, next, next + Math.min(headerSize, MAX_HEADER_BYTES)), message);
  sink.message(message);
  return next + size + 2;
}

function newMessage(role: MessageRole, sender: Sender, subject: string, bodySize: number): NatsMessage {
  return { role, id: undefined, sender, subject, bodySize, headers: undefined, status: undefined, error: undefined };
}

/** A client that names an inbox waits for an answer there; what comes to an inbox is that answer. */
function withRole(message: NatsMessage, reply: string | undefined, state: NatsState): NatsMessage {
  if (message.sender === Sender.client) {
    if (reply === undefined || !reply.startsWith("_INBOX.")) return message;
    if (state.inboxes.size >= MAX_PENDING) state.inboxes.delete(state.inboxes.values().next().value!);
    state.inboxes.add(reply);
    return { ...message, role: MessageRole.request, id: reply };
  }
  if (!state.inboxes.delete(message.subject)) return message;
  return { ...message, role: MessageRole.response, id: message.subject };
}

/** `NATS/1.0 503 No Responders`, then `Key: value` lines. */
function readHeaders(text: string, message: NatsMessage): void {
  const lines = text.split("\r\n");
  const status = /^NATS\/1\.0 (\d{3})/.exec(lines[0] ?? "")?.[1];
  if (status !== undefined) message.status = status;
  for (const line of lines.slice(1, 1 + MAX_HEADERS)) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    message.headers ??= new Map();
    message.headers.set(
      line.slice(0, colon).toLowerCase(),
      line
        .slice(colon + 1)
        .trim()
        .slice(0, 1024),
    );
  }
}

// Clients number their subscriptions; the protocol would allow names, and so would messengers that say MSG.
const CLAIM_CLIENT = /^(?:CONNECT \{"|PUB \S+ (?:\S+ )?\d+\r?$|HPUB \S+ (?:\S+ )?\d+ \d+\r?$|SUB \S+ (?:\S+ )?\d+\r?$)/;
const CLAIM_SERVER = /^(?:INFO \{ ?"|MSG \S+ \d+ (?:\S+ )?\d+\r?$|HMSG \S+ \d+ (?:\S+ )?\d+ \d+\r?$|-ERR '[^']*'\r?$)/;
const WAITING = /^(?:PING|PONG|\+OK|UNSUB \d+(?: \d+)?)\r?$/;
const WORDS = [
  "CONNECT {",
  "PUB ",
  "HPUB ",
  "SUB ",
  "UNSUB ",
  "INFO {",
  "MSG ",
  "HMSG ",
  "PING",
  "PONG",
  "+OK",
  "-ERR ",
];

function recognize(bytes: Uint8Array, sender: Sender | undefined): Recognition {
  const lf = bytes.indexOf(LF);
  const line = latin1(bytes, 0, Math.min(lf < 0 ? bytes.length : lf, 512));
  if (sender !== Sender.server && CLAIM_CLIENT.test(line) && (lf >= 0 || line[0] === "C")) return Recognition.request;
  if (sender !== Sender.client && CLAIM_SERVER.test(line) && (lf >= 0 || line[0] === "I")) return Recognition.response;
  if (lf >= 0) return WAITING.test(line) ? Recognition.needMore : Recognition.no;
  return bytes.length < 512 && WORDS.some((word) => word.startsWith(line) || line.startsWith(word))
    ? Recognition.needMore
    : Recognition.no;
}

export const nats: Protocol<NatsMessage, NatsState> = {
  name: "nats",
  networkProtocolName: "nats",
  usualPorts: [4222, 6222],
  resyncsAtCallStart: true,

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    return hint.transport === "tcp" ? recognize(bytes, hint.sender) : Recognition.no;
  },

  createState: () => ({ inboxes: new Set() }),
  parse,

  findBoundary(bytes, from, sender): number {
    const rest = bytes.subarray(from);
    const lf = rest.indexOf(LF);
    if (lf < 0 || lf > MAX_LINE) return -1;
    const line = utf8(rest, 0, rest[lf - 1] === 13 ? lf - 1 : lf);
    return (sender === Sender.client ? CLIENT : SERVER).test(line) ? from : -1;
  },

  resync: () => {},
  carried: (message, key) => message.headers?.get(key),

  describe(session: Session<NatsMessage>, view: SpanView): SpanFields | undefined {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const attributes: Attribute[] = [["messaging.system", "nats"]];
    if (request.error !== undefined) {
      const type = request.error.replace(/^'|'$/g, "");
      attributes.push(["error.type", /^[A-Za-z ]{1,48}/.exec(type)?.[0]?.trim() ?? "_OTHER"]);
      return { name: "error", attributes, isError: true };
    }
    const isDelivery = request.sender === Sender.server;
    const isRequest = request.role === MessageRole.request;
    const operation = isDelivery ? "deliver" : isRequest ? "request" : "publish";
    attributes.push(
      ["messaging.operation.name", operation],
      ["messaging.operation.type", isDelivery ? "receive" : "send"],
      ["messaging.destination.name", request.subject],
      ["messaging.message.body.size", request.bodySize],
    );
    let errorType = missingResponse(session);
    const status = response?.status ?? (isDelivery ? request.status : undefined);
    if (status !== undefined) {
      attributes.push(["messaging.nats.status", status]);
      // 1xx are heartbeats and flow control, 404 and 408 the ends of a pull.
      if (status === "503" || status === "409" || status === "400") errorType = status;
    }
    if (errorType !== undefined) attributes.push(["error.type", errorType]);
    const isClient = view.kind === SpanKind.client;
    const kind = isDelivery ? SpanKind.consumer : isRequest ? SpanKind.client : SpanKind.producer;
    return {
      name: nameWithDestination(attributes, operation, request.subject),
      ...(isClient ? { kind } : {}),
      attributes,
      isError: errorType !== undefined,
    };
  },
};
