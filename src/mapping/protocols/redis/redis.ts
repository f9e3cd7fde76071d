/**
 * Redis: RESP2 and RESP3 (redis.io/docs/latest/develop/reference/protocol-spec), inline commands, pipelines,
 * transactions, pub/sub and client-side caching pushes.
 *
 * Claims: a client array of bulk strings whose first is a command word, or a whole server reply of strict form.
 * Inline commands are claimed only with such a reply on the other side (memcached's text looks alike).
 * State per connection: below 1 KB (counters and the first arguments of the message in work).
 */
import { latin1, utf8 } from "../../latin1.ts";
import type { Attribute } from "../../span.ts";
import { missingResponse } from "../failure.ts";
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
} from "../protocol.ts";
import { commandText, SUBSCRIBE_COMMANDS } from "./commands.ts";
import { inlineWords } from "./inline.ts";
import { mayBeInline, recognizeReply, recognizeRequest } from "./recognition.ts";
import { parseServer } from "./reply.ts";
import { CR, DOLLAR, headerNumber, LF, lineEnd, MAX_BULK_BYTES, MAX_HEADER_BYTES, STAR } from "./wire.ts";

export interface RedisMessage extends Message {
  role: MessageRole;
  /** Requests: upper case. */
  command: string;
  /** Requests: the first arguments. Pushes: kind and channel. */
  readonly args: string[];
  argCount: number;
  /** Responses: the error line without its `-`. */
  error: string | undefined;
  readonly database: number | undefined;
}

export interface RedisState {
  /** The message that goes on, and how many of its items are to come. */
  clientMessage: RedisMessage | undefined;
  clientItems: number;
  serverMessage: RedisMessage | undefined;
  serverItems: number;
  /** The message that goes on is consumed without being told. */
  isServerSilent: boolean;
  database: number | undefined;
  isSubscriber: boolean;
  isMonitor: boolean;
  /** CLIENT REPLY OFF, and SKIP for the next command. */
  isReplyOff: boolean;
  skipsReply: boolean;
  /** Confirmations that the pending SUBSCRIBE commands will get beyond their first. */
  confirmations: number;
}

/** A command with more than this in view and no end is consumed piece by piece. */
const PIECE_BYTES = 4096;
const MAX_KEPT_ARGS = 8;
const MAX_ARG_CHARACTERS = 256;
const MAX_LINE_BYTES = 64 * 1024;
/** Of an inline command. */
const MAX_INLINE_SHOWN = 1024;

const BY_NAME = new Set(["EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"]);

function newRequest(state: RedisState): RedisMessage {
  return {
    role: state.isReplyOff || state.skipsReply ? MessageRole.oneWay : MessageRole.request,
    id: undefined,
    command: "",
    args: [],
    argCount: 0,
    error: undefined,
    database: state.database,
  };
}

function keepArg(message: RedisMessage, bytes: Uint8Array, from: number, to: number): void {
  if (message.argCount++ === 0 && message.command === "") {
    message.command = latin1(bytes, from, Math.min(to, from + 64)).toUpperCase();
    message.argCount = 0;
  } else if (message.args.length < MAX_KEPT_ARGS) {
    message.args.push(utf8(bytes, from, Math.min(to, from + MAX_ARG_CHARACTERS)));
  }
}

function parseClient(bytes: Uint8Array, state: RedisState, sink: MessageSink<RedisMessage>): number {
  let message = state.clientMessage;
  let items = state.clientItems;
  let at = 0;
  if (message === undefined) {
    if (bytes[0] !== STAR) return parseInline(bytes, state, sink);
    at = lineEnd(bytes, 0, MAX_HEADER_BYTES);
    if (at <= 0) return at === 0 ? NEED_MORE : INVALID;
    items = headerNumber(bytes, 1, at);
    if (!(items >= -1 && items <= 1024 * 1024)) return INVALID;
    // An empty command is passed over by the server without an answer.
    if (items <= 0) return at;
    message = newRequest(state);
  }
  const begun = state.clientMessage !== undefined;
  while (items > 0) {
    const header = at < bytes.length ? lineEnd(bytes, at, MAX_HEADER_BYTES) : 0;
    if (header < 0 || (at < bytes.length && bytes[at] !== DOLLAR)) return INVALID;
    if (header === 0) return pause(at, items);
    const length = headerNumber(bytes, at + 1, header);
    if (!(length >= 0 && length <= MAX_BULK_BYTES)) return INVALID;
    const next = header + length + 2;
    const isNeeded = message.command === "" || message.args.length < MAX_KEPT_ARGS;
    const needed = isNeeded ? header + Math.min(length, MAX_ARG_CHARACTERS) : 0;
    if (needed > bytes.length) return pause(at, items);
    if (next <= bytes.length && (bytes[next - 2] !== CR || bytes[next - 1] !== LF)) return INVALID;
    if (next > bytes.length && items > 1 && length <= PIECE_BYTES) return pause(at, items);
    keepArg(message, bytes, header, header + length);
    at = next;
    items--;
    if (next > bytes.length && items > 0) return begin(at, items);
  }
  finishRequest(message, state);
  state.clientMessage = undefined;
  if (begun) sink.end(message);
  else sink.message(message);
  return at;

  /** What was read so far is consumed if it is much; else the message is read again when there is more. */
  function pause(consumed: number, left: number): number {
    return consumed >= PIECE_BYTES && message!.command !== "" ? begin(consumed, left) : NEED_MORE;
  }

  function begin(consumed: number, left: number): number {
    if (!begun) sink.begin(message!);
    state.clientMessage = message;
    state.clientItems = left;
    return consumed;
  }
}

function parseInline(bytes: Uint8Array, state: RedisState, sink: MessageSink<RedisMessage>): number {
  const lf = bytes.indexOf(LF);
  if (lf < 0) return bytes.length > MAX_LINE_BYTES ? INVALID : NEED_MORE;
  if (lf > MAX_LINE_BYTES) return INVALID;
  const line = utf8(bytes, 0, Math.min(lf, MAX_INLINE_SHOWN)).trim();
  if (line === "") return lf + 1;
  const [, name] = /^([A-Za-z][A-Za-z0-9._|-]{0,40})(?:\s|$)/.exec(line) ?? [];
  if (name === undefined) return INVALID;
  const args = inlineWords(line.slice(name.length), lf > MAX_INLINE_SHOWN) ?? [];
  const message = newRequest(state);
  message.command = name.toUpperCase();
  message.args.push(...args.slice(0, MAX_KEPT_ARGS));
  message.argCount = args.length;
  finishRequest(message, state);
  sink.message(message);
  return lf + 1;
}

function finishRequest(message: RedisMessage, state: RedisState): void {
  const { command } = message;
  state.skipsReply = false;
  if (command === "CLIENT" && message.args[0]?.toUpperCase() === "REPLY") setReply(message, state);
  if (command === "SELECT") {
    const database = Number(message.args[0]);
    state.database = Number.isInteger(database) ? database : undefined;
  } else if (command === "MONITOR") {
    state.isMonitor = true;
  } else if (command === "RESET") {
    state.isMonitor = false;
    state.isSubscriber = false;
    state.database = 0;
  } else if (SUBSCRIBE_COMMANDS.has(command)) {
    state.isSubscriber = true;
    state.confirmations += Math.max(0, message.argCount - 1);
  }
}

/** Neither OFF nor SKIP is answered itself. */
function setReply(message: RedisMessage, state: RedisState): void {
  const mode = message.args[1]?.toUpperCase();
  if (mode === "ON") state.isReplyOff = false;
  else if (mode === "OFF") state.isReplyOff = true;
  else if (mode === "SKIP") state.skipsReply = !state.isReplyOff;
  message.role = mode === "ON" ? MessageRole.request : MessageRole.oneWay;
}

export const redis: Protocol<RedisMessage, RedisState> = {
  name: "redis",
  networkProtocolName: "redis",
  usualPorts: [6379, 6380, 16379, 26379],
  resyncsAtCallStart: true,

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    if (hint.transport !== "tcp") return Recognition.no;
    const type = bytes[0]!;
    if (hint.sender !== Sender.server) {
      if (type === STAR) {
        const asRequest = recognizeRequest(bytes);
        if (asRequest !== Recognition.no || hint.sender === Sender.client) return asRequest;
      } else if (mayBeInline(bytes)) {
        return Recognition.needMore;
      }
    }
    if (hint.sender === Sender.client) return Recognition.no;
    return "+-:$*%~>_#|".includes(String.fromCharCode(type)) ? recognizeReply(bytes) : Recognition.no;
  },

  createState: () => ({
    clientMessage: undefined,
    clientItems: 0,
    serverMessage: undefined,
    serverItems: 0,
    isServerSilent: false,
    database: undefined,
    isSubscriber: false,
    isMonitor: false,
    isReplyOff: false,
    skipsReply: false,
    confirmations: 0,
  }),

  parse(bytes, sender, state, sink): number {
    return sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink);
  },

  /** An answer of many items may be all that is ever seen of it: it was one all the same. */
  parseCut(bytes, sender, state, sink): number {
    return sender === Sender.server ? Math.max(0, parseServer(bytes, state, sink, true)) : 0;
  },

  findBoundary(bytes, from, sender): number {
    for (let at = from; at < bytes.length; at++) {
      if (at > 0 && bytes[at - 1] !== LF && at !== from) continue;
      const rest = bytes.subarray(at);
      const found = sender === Sender.client ? bytes[at] === STAR && recognizeRequest(rest) : recognizeReply(rest);
      if (found === Recognition.request || found === Recognition.response) return at;
    }
    return -1;
  },

  resync(state, sender): void {
    if (sender === Sender.client) {
      state.clientMessage = undefined;
      state.database = undefined;
      state.isReplyOff = false;
      state.skipsReply = false;
    } else {
      state.serverMessage = undefined;
      state.isServerSilent = false;
      state.confirmations = 0;
    }
  },

  describe(session: Session<RedisMessage>): SpanFields | undefined {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const attributes: Attribute[] = [
      ["db.system.name", "redis"],
      ["db.operation.name", request.command],
      ["db.query.text", commandText(request.command, request.args, request.argCount)],
    ];
    if (request.database !== undefined) attributes.push(["db.namespace", String(request.database)]);
    // The digest of a script, the name of a function; EVAL's script is content.
    const script = BY_NAME.has(request.command) ? request.args[0] : undefined;
    if (script !== undefined) attributes.push(["db.stored_procedure.name", script]);
    const error = response?.error;
    let errorType = missingResponse(session);
    if (error !== undefined) {
      errorType = /^[A-Z][A-Z0-9]*/.exec(error)?.[0] ?? "ERR";
      attributes.push(["db.response.status_code", errorType]);
    }
    if (errorType !== undefined) attributes.push(["error.type", errorType]);
    return {
      name: request.command,
      attributes,
      isError: errorType !== undefined,
      ...(error !== undefined && errorType === "ERR" ? { statusMessage: error.slice(0, 256) } : {}),
    };
  },
};
