/**
 * Redis: RESP2 and RESP3 (redis.io/docs/latest/develop/reference/protocol-spec), inline commands, pipelines,
 * transactions, pub/sub and client-side caching pushes.
 *
 * Claims: a client array of bulk strings whose first is a command word, or a whole server reply of strict form.
 * Inline commands are claimed only with such a reply on the other side (memcached's text looks alike).
 * State per connection: below 1 KB (counters and the first arguments of the message in work).
 */
import { latin1, utf8 } from "../latin1.ts";
import type { Attribute } from "../span.ts";
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
} from "./protocol.ts";
import { commandText, isRedisCommandWord, SUBSCRIBE_COMMANDS } from "./redis-commands.ts";

export interface RedisMessage extends Message {
  /** Requests: upper case. */
  command: string;
  /** Requests: the first arguments. Pushes: kind and channel. */
  readonly args: string[];
  argCount: number;
  /** Responses: the error line without its `-`. */
  error: string | undefined;
  readonly database: number | undefined;
}

interface RedisState {
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
  /** Confirmations that the pending SUBSCRIBE commands will get beyond their first. */
  confirmations: number;
}

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
/** A command with more than this in view and no end is consumed piece by piece. */
const PIECE_BYTES = 4096;
const MAX_KEPT_ARGS = 8;
const MAX_ARG_CHARACTERS = 256;
const MAX_ITEMS = 1024 * 1024 * 1024;
const MAX_BULK_BYTES = 512 * 1024 * 1024;
const MAX_LINE_BYTES = 64 * 1024;
/** The longest header line: a type byte and a 64-bit number. */
const MAX_HEADER_BYTES = 24;

/** Index behind CRLF; 0: not in view; -1: not a line of this kind. */
function lineEnd(bytes: Uint8Array, from: number, limit: number): number {
  const end = bytes.indexOf(LF, from);
  if (end < 0) return bytes.length - from > limit ? -1 : 0;
  if (end - from > limit || end === from || bytes[end - 1] !== CR) return -1;
  return end + 1;
}

/** A number between `from` and CRLF, -1 for the RESP2 null, NaN for anything else. */
function headerNumber(bytes: Uint8Array, from: number, end: number): number {
  if (bytes[from] === 45) return end - from === 4 && bytes[from + 1] === 49 ? -1 : Number.NaN;
  let value = 0;
  if (end - 2 <= from) return Number.NaN;
  for (let i = from; i < end - 2; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function newRequest(database: number | undefined): RedisMessage {
  return {
    role: MessageRole.request,
    id: undefined,
    command: "",
    args: [],
    argCount: 0,
    error: undefined,
    database,
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
    message = newRequest(state.database);
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
  const line = utf8(bytes, 0, Math.min(lf, 1024)).trim();
  if (line === "") return lf + 1;
  const words = line.split(/\s+/);
  if (!/^[A-Za-z][A-Za-z0-9._|-]{0,40}$/.test(words[0]!)) return INVALID;
  const message = newRequest(state.database);
  message.command = words[0]!.toUpperCase();
  message.args.push(...words.slice(1, 1 + MAX_KEPT_ARGS));
  message.argCount = words.length - 1;
  finishRequest(message, state);
  sink.message(message);
  return lf + 1;
}

function finishRequest(message: RedisMessage, state: RedisState): void {
  const { command } = message;
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

const PUSHED = new Set(["message", "pmessage", "smessage"]);
const CONFIRMATION = /^[ps]?(un)?subscribe$/;

function parseServer(bytes: Uint8Array, state: RedisState, sink: MessageSink<RedisMessage>): number {
  const begun = state.serverMessage !== undefined;
  let message = state.serverMessage;
  let items = begun ? state.serverItems : 1;
  let at = 0;
  let isSilent = state.isServerSilent;
  while (items > 0) {
    if (at >= bytes.length) return pause(at, items);
    const type = bytes[at]!;
    const isLine = type === 43 || type === 45 || type === 44 || type === 40;
    const end = lineEnd(bytes, at, isLine ? MAX_LINE_BYTES : MAX_HEADER_BYTES);
    if (end < 0) return INVALID;
    if (end === 0) return pause(at, items);
    let next = end;
    let children = 0;
    switch (type) {
      case 43: // + simple string
      case 45: // - error
      case 44: // , double
      case 40: // ( big number
        break;
      case 58: // : integer
        if (!isInteger(bytes, at + 1, end - 2)) return INVALID;
        break;
      case 95: // _ null
      case 35: // # boolean
        if (end - at > 4) return INVALID;
        break;
      case DOLLAR:
      case 33: // ! bulk error
      case 61: {
        // = verbatim string
        const length = headerNumber(bytes, at + 1, end);
        if (!(length >= -1 && length <= MAX_BULK_BYTES)) return INVALID;
        if (length >= 0) next = end + length + 2;
        if (next <= bytes.length && length >= 0 && bytes[next - 1] !== LF) return INVALID;
        break;
      }
      case STAR:
      case 126: // ~ set
      case 62: // > push
      case 37: // % map
      case 124: {
        // | attribute
        const count = headerNumber(bytes, at + 1, end);
        if (!(count >= -1 && count <= MAX_ITEMS)) return INVALID;
        children = Math.max(0, count) * (type === 37 || type === 124 ? 2 : 1);
        // An attribute stands before the value that it is about, and is none itself.
        if (type === 124) children++;
        break;
      }
      default:
        return INVALID;
    }
    if (message === undefined) {
      if (type === 124 && children > 1) {
        // The attribute's own pairs are passed over, then the value follows in the same message.
        message = newResponse();
      } else {
        const first = firstItems(bytes, at, type, end, children);
        if (first === undefined) return NEED_MORE;
        message = startReply(first, type, state);
        isSilent = message === undefined;
        message ??= newResponse();
        if (type === 45) message.error = utf8(bytes, at + 1, Math.min(end - 2, at + 257));
        if (type === 33) {
          if (Math.min(next, end + 256) > bytes.length) return NEED_MORE;
          message.error = utf8(bytes, end, Math.min(next - 2, end + 256));
        }
      }
    }
    if (next > bytes.length && items - 1 + children > 0) {
      if (next - at <= PIECE_BYTES) return pause(at, items);
      items += children - 1;
      return begin(next, items);
    }
    at = next;
    items += children - 1;
  }
  state.serverMessage = undefined;
  state.isServerSilent = false;
  if (!isSilent) {
    if (begun) sink.end(message!);
    else sink.message(message!);
  }
  return at;

  function pause(consumed: number, left: number): number {
    return consumed >= PIECE_BYTES && message !== undefined ? begin(consumed, left) : NEED_MORE;
  }

  function begin(consumed: number, left: number): number {
    if (!begun && !isSilent) sink.begin(message!);
    state.serverMessage = message;
    state.serverItems = left;
    state.isServerSilent = isSilent;
    return consumed;
  }
}

function newResponse(): RedisMessage {
  return {
    role: MessageRole.response,
    id: undefined,
    command: "",
    args: [],
    argCount: 0,
    error: undefined,
    database: undefined,
  };
}

/** The leading strings of an aggregate, up to two; undefined while they are not in view. */
function firstItems(bytes: Uint8Array, at: number, type: number, end: number, children: number): string[] | undefined {
  if (type !== STAR && type !== 62) return type === 43 ? [latin1(bytes, at + 1, Math.min(end - 2, at + 32))] : [];
  if (children < 2) return [];
  const items: string[] = [];
  let position = end;
  while (items.length < 2) {
    if (position >= bytes.length) return undefined;
    if (bytes[position] !== DOLLAR) return items;
    const header = lineEnd(bytes, position, MAX_HEADER_BYTES);
    if (header < 0) return items;
    if (header === 0) return undefined;
    const length = headerNumber(bytes, position + 1, header);
    if (!(length >= 0 && length <= MAX_ARG_CHARACTERS)) return items;
    if (header + length > bytes.length) return undefined;
    items.push(utf8(bytes, header, header + length));
    position = header + length + 2;
    if (items.length === 1 && !PUSHED.has(items[0]!) && !CONFIRMATION.test(items[0]!) && type === STAR) return items;
  }
  return items;
}

/** @returns undefined: a reply that no command waits for */
function startReply(first: readonly string[], type: number, state: RedisState): RedisMessage | undefined {
  const kind = first[0] ?? "";
  if (state.isMonitor && type === 43 && /^\d+\.\d+ \[/.test(kind)) return undefined;
  const isPush = type === 62;
  if (isPush || (state.isSubscriber && type === STAR)) {
    if (CONFIRMATION.test(kind)) {
      if (state.confirmations > 0 && kind.includes("un") === false && first[1] !== undefined) {
        state.confirmations--;
        return undefined;
      }
      return newResponse();
    }
    if (isPush || PUSHED.has(kind)) {
      const args = first.slice(1, 2);
      return { ...newResponse(), role: MessageRole.oneWay, command: kind.toUpperCase(), args, argCount: args.length };
    }
  }
  return newResponse();
}

function isInteger(bytes: Uint8Array, from: number, to: number): boolean {
  const start = bytes[from] === 45 || bytes[from] === 43 ? from + 1 : from;
  if (start >= to) return false;
  for (let i = start; i < to; i++) if (bytes[i]! < 48 || bytes[i]! > 57) return false;
  return true;
}

/** `*2\r\n$3\r\nGET\r\n` up to the command word. */
function recognizeRequest(bytes: Uint8Array): Recognition {
  const end = lineEnd(bytes, 0, MAX_HEADER_BYTES);
  if (end <= 0) return end === 0 && isNumberSoFar(bytes, 1) ? Recognition.needMore : Recognition.no;
  if (!(headerNumber(bytes, 1, end) >= 1)) return Recognition.no;
  if (end >= bytes.length) return Recognition.needMore;
  if (bytes[end] !== DOLLAR) return Recognition.no;
  const header = lineEnd(bytes, end, MAX_HEADER_BYTES);
  if (header <= 0) return header === 0 && isNumberSoFar(bytes, end + 1) ? Recognition.needMore : Recognition.no;
  const length = headerNumber(bytes, end + 1, header);
  if (!(length >= 1 && length <= 64)) return Recognition.no;
  if (header + length + 2 > bytes.length) return Recognition.needMore;
  if (bytes[header + length] !== CR) return Recognition.no;
  return isRedisCommandWord(latin1(bytes, header, header + length)) ? Recognition.request : Recognition.no;
}

function isNumberSoFar(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if ((byte < 48 || byte > 57) && byte !== CR) return false;
  }
  return true;
}

const REPLY_LINE =
  /^(?:\+(?:OK|PONG|QUEUED|RESET|FULLRESYNC [0-9a-f]{40} \d+|CONTINUE.*)|-[A-Z][A-Z0-9]+ .*|:-?\d+|_|#[tf])$/;
const INLINE =
  /^(?:get|set|ping|info|select|auth|keys|del|exists|incr|decr|config|client|monitor|dbsize|flushall|flushdb|ttl|type|hgetall|lrange|echo|quit)\b/i;

function recognizeReply(bytes: Uint8Array): Recognition {
  const type = bytes[0]!;
  const limit = type === 43 || type === 45 ? 1024 : MAX_HEADER_BYTES;
  const end = lineEnd(bytes, 0, limit);
  if (end < 0) return Recognition.no;
  if (end === 0) return Recognition.needMore;
  if (type === DOLLAR || type === STAR || type === 37 || type === 126 || type === 62) {
    const count = headerNumber(bytes, 1, end);
    if (!(count >= -1 && count <= MAX_BULK_BYTES)) return Recognition.no;
    if (count <= 0 && type !== DOLLAR) return Recognition.response;
    if (count === -1) return Recognition.response;
    if (type === DOLLAR) {
      const next = end + count;
      if (next + 1 < bytes.length)
        return bytes[next] === CR && bytes[next + 1] === LF ? Recognition.response : Recognition.no;
      return count > 64 && bytes.length > end + 16 ? Recognition.response : Recognition.needMore;
    }
    if (end >= bytes.length) return Recognition.needMore;
    return "$:+-*_,#%~(=!|".includes(String.fromCharCode(bytes[end]!)) ? Recognition.response : Recognition.no;
  }
  return REPLY_LINE.test(latin1(bytes, 0, end - 2)) ? Recognition.response : Recognition.no;
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
      } else if (INLINE.test(latin1(bytes, 0, Math.min(bytes.length, 16)))) {
        return Recognition.needMore;
      }
    }
    if (hint.sender === Sender.client) return Recognition.no;
    return "+-:$*%~>_#".includes(String.fromCharCode(type)) ? recognizeReply(bytes) : Recognition.no;
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
    confirmations: 0,
  }),

  parse(bytes, sender, state, sink): number {
    return sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink);
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
