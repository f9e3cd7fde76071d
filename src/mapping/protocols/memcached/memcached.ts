/**
 * Memcached: the text protocol with its meta commands (memcached doc/protocol.txt) and the binary one,
 * told apart by their first byte.
 *
 * Claims: a storage or meta command line of strict form, a retrieval's answer, or a binary header whose lengths agree.
 * `get KEY` alone waits for the answer: Redis has it too. Bound of the state: MAX_PENDING commands that are not
 * answered yet.
 */
import { latin1, utf8 } from "../../latin1.ts";
import type { Attribute } from "../../span.ts";
import { missingResponse } from "../failure.ts";
import {
  INVALID,
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
import { isBinaryHeader, parseBinary, recognizeBinary } from "./binary.ts";
import { enqueueMemcached, type MemcachedMessage, type MemcachedState, memcachedMessage } from "./message.ts";

const LF = 10;
const MAX_LINE = 2048 + 256;
/** A get may name many keys. */
const MAX_COMMAND_LINE = 65_536;

const STORAGE =
  /^(set|add|replace|append|prepend|cas) (\S{1,250}) \d{1,10} -?\d{1,20} (\d{1,10})(?: \d{1,20})?( noreply)?$/;
const META = /^(m[gsdane])(?: (\S{1,250})((?: \S+)*))?$/;
const OTHER =
  /^(gets?|gats?|delete|incr|decr|touch|stats|flush_all|cache_memlimit|version|verbosity|quit|slabs|lru|lru_crawler|watch|shutdown|refresh_certs|me)(?: (.*))?$/;
const COMMAND_INITIALS: ReadonlySet<number> = new Set(Array.from("acdfgilmpqrstvw", (letter) => letter.charCodeAt(0)));
const REPLY =
  /^(?:STORED|NOT_STORED|EXISTS|NOT_FOUND|DELETED|TOUCHED|OK|ERROR|END|RESET|BUSY.*|CLIENT_ERROR .*|SERVER_ERROR .*|VERSION .*|VALUE \S{1,250} \d+ \d+(?: \d+)?|STAT \S+ .*|(?:HD|EN|NF|NS|EX|MN|ME)(?: .*)?|VA \d+(?: .*)?|\d{1,20} *)$/;

/** Index of the line's end, -1: none in view, -2: there should have been one. */
function lineEnd(bytes: Uint8Array, limit: number): number {
  const end = bytes.indexOf(LF);
  if (end < 0) return bytes.length > limit ? -2 : -1;
  return end > limit ? -2 : end;
}

function withoutCr(bytes: Uint8Array, end: number): string {
  return utf8(bytes, 0, end > 0 && bytes[end - 1] === 13 ? end - 1 : end);
}

function parseClient(bytes: Uint8Array, state: MemcachedState, sink: MessageSink<MemcachedMessage>): number {
  const end = lineEnd(bytes, MAX_COMMAND_LINE);
  if (end < 0) return end === -1 ? NEED_MORE : INVALID;
  const line = withoutCr(bytes, end);
  const storage = STORAGE.exec(line);
  if (storage !== null) {
    const isSilent = storage[4] !== undefined;
    if (!isSilent) enqueueMemcached(state, storage[1]!, 0, false);
    sink.message(memcachedMessage(isSilent ? MessageRole.oneWay : MessageRole.request, storage[1]!, storage[2], 1));
    return end + 1 + Number(storage[3]) + 2;
  }
  const meta = META.exec(line);
  if (meta !== null) {
    const command = meta[1]!;
    const flags = meta[3]?.trim().split(" ") ?? [];
    const isQuiet = flags.includes("q");
    const size = command === "ms" ? Number(flags[0]) : -1;
    if (Number.isNaN(size)) return INVALID;
    // A quiet command is answered only where it has something to say; an answer tells itself apart from `mn`'s.
    if (!isQuiet) enqueueMemcached(state, command, 0, false);
    sink.message(memcachedMessage(isQuiet ? MessageRole.oneWay : MessageRole.request, command, meta[2], 1));
    return end + 1 + (size < 0 ? 0 : size + 2);
  }
  const other = OTHER.exec(line);
  if (other === null) return INVALID;
  const words = other[2]?.split(" ").filter((word) => word !== "") ?? [];
  const command = other[1]!;
  if (command === "quit") return end + 1;
  const isRetrieval = command.startsWith("ga") && command !== "get" && command !== "gets";
  const keys = isRetrieval ? words.slice(1) : words;
  const hasKey = /^(?:ge|ga|de|in|to)/.test(command);
  const isSilent = words.at(-1) === "noreply";
  if (!isSilent) enqueueMemcached(state, command, 0, false);
  const keyCount = /^g/.test(command) ? keys.length : hasKey ? 1 : 0;
  const role = isSilent ? MessageRole.oneWay : MessageRole.request;
  sink.message(memcachedMessage(role, command, hasKey ? keys[0] : undefined, keyCount));
  return end + 1;
}

function parseServer(bytes: Uint8Array, state: MemcachedState, sink: MessageSink<MemcachedMessage>): number {
  const end = lineEnd(bytes, MAX_LINE);
  if (end < 0) return end === -1 ? NEED_MORE : INVALID;
  const line = withoutCr(bytes, end);
  if (!REPLY.test(line)) return INVALID;
  const word = line.split(" ", 1)[0]!;
  let next = end + 1;
  let goesOn = false;
  if (word === "VALUE") {
    next += Number(line.split(" ")[3]) + 2;
    goesOn = true;
  } else if (word === "STAT") goesOn = true;
  else if (word === "VA") next += Number(line.split(" ")[1]) + 2;
  const { reply } = state;
  if (reply !== undefined) {
    if (!goesOn) {
      state.reply = undefined;
      state.pending.shift();
      sink.end(reply);
    }
    return next;
  }
  const isMeta = /^(?:HD|VA|EN|NF|NS|EX)$/.test(word);
  const asked = state.pending[0];
  // The answer of a quiet command.
  if (asked === undefined || (isMeta && !/^m[gsda]$/.test(asked.command))) return next;
  const message = memcachedMessage(MessageRole.response, "");
  message.status = /^\d/.test(word) ? undefined : word;
  message.isError = /^(?:ERROR|CLIENT_ERROR|SERVER_ERROR|BUSY)/.test(word);
  if (goesOn) {
    state.reply = message;
    sink.begin(message);
  } else {
    state.pending.shift();
    sink.message(message);
  }
  return next;
}

const COMMANDS =
  "set add replace append prepend cas get gets gat gats delete incr decr touch stats flush_all version verbosity mg ms md ma mn me".split(
    " ",
  );

function isCommandSoFar(line: string): boolean {
  const space = line.indexOf(" ");
  return space < 0 ? COMMANDS.some((command) => command.startsWith(line)) : COMMANDS.includes(line.slice(0, space));
}

export const memcached: Protocol<MemcachedMessage, MemcachedState> = {
  name: "memcached",
  networkProtocolName: "memcached",
  usualPorts: [11211],
  resyncsAtCallStart: true,

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    if (hint.transport !== "tcp") return Recognition.no;
    if (bytes[0]! >= 0x80) return recognizeBinary(bytes, hint.sender);
    // Commands are in lower case, replies in upper case or numbers.
    const first = bytes[0]!;
    const isReply = (first >= 0x41 && first <= 0x5a) || (first >= 0x30 && first <= 0x39);
    if (
      hint.sender === Sender.server
        ? !isReply
        : !COMMAND_INITIALS.has(first) && (hint.sender === Sender.client || !isReply)
    ) {
      return Recognition.no;
    }
    const end = lineEnd(bytes, 512);
    const line = end < 0 ? latin1(bytes, 0, Math.min(bytes.length, 512)) : withoutCr(bytes, end);
    if (hint.sender !== Sender.server) {
      if (end >= 0) {
        if (STORAGE.test(line) || (META.test(line) && line !== "me")) return Recognition.request;
        if (/^gets? \S{1,250}(?: \S{1,250})+$/.test(line) || /^(?:gats?|incr|decr) \S+ \S+/.test(line))
          return Recognition.request;
        if (OTHER.test(line)) return Recognition.needMore;
      } else if (end === -1 && isCommandSoFar(line)) return Recognition.needMore;
      if (hint.sender === Sender.client) return Recognition.no;
    }
    if (end === -1)
      return /^[A-Z_]{1,13}(?: |\r?$)/.test(line) || /^[A-Z_]{1,13}$/.test(line)
        ? Recognition.needMore
        : Recognition.no;
    if (end < 0) return Recognition.no;
    if (/^(?:STORED|NOT_STORED|NOT_FOUND|DELETED|TOUCHED|END|VALUE \S{1,250} \d+ \d+(?: \d+)?)$/.test(line))
      return Recognition.response;
    if (/^(?:CLIENT_ERROR |SERVER_ERROR |VERSION \d|STAT (?:pid|items)|VA \d+|HD$|EN$|MN$)/.test(line))
      return Recognition.response;
    return /^(?:ERROR|OK|EXISTS|NF|NS|EX|\d{1,20})$/.test(line) ? Recognition.needMore : Recognition.no;
  },

  createState: () => ({ pending: [], reply: undefined }),

  parse(bytes, sender, state, sink): number {
    if (bytes[0]! >= 0x80) return parseBinary(bytes, sender, state, sink);
    return sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink);
  },

  findBoundary(bytes, from, sender): number {
    if (bytes[from]! >= 0x80) return isBinaryHeader(bytes, from, sender) ? from : -1;
    const rest = bytes.subarray(from);
    const end = lineEnd(rest, 512);
    if (end < 0) return -1;
    const line = withoutCr(rest, end);
    const fits =
      sender === Sender.client ? STORAGE.test(line) || META.test(line) || OTHER.test(line) : REPLY.test(line);
    return fits ? from : -1;
  },

  resync(state): void {
    state.pending = [];
    state.reply = undefined;
  },

  describe(session: Session<MemcachedMessage>): SpanFields | undefined {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const { command, key, keyCount } = request;
    const attributes: Attribute[] = [
      ["db.system.name", "memcached"],
      ["db.operation.name", command],
    ];
    if (key !== undefined) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: keys may be binary
      const shown = key.replace(/[\u0000-\u0020\u007f-\u009f\ufffd]/g, "?");
      // A command of several keys is one operation, and no batch.
      attributes.push(["db.query.text", `${command} ${shown}${keyCount > 1 ? ` (and ${keyCount - 1} more)` : ""}`]);
    }
    let errorType = missingResponse(session);
    const status = response?.status;
    if (status !== undefined && status !== "VALUE" && status !== "VA" && status !== "STAT") {
      attributes.push(["db.response.status_code", status]);
      if (response!.isError) errorType = status;
    }
    if (errorType !== undefined) attributes.push(["error.type", errorType]);
    return { name: command, attributes, isError: errorType !== undefined };
  },
};
