/** Answers and pushes of a Redis server: items are counted, nested or not, so that no depth is kept. */
import { latin1, utf8 } from "../../latin1.ts";
import { INVALID, MessageRole, type MessageSink, NEED_MORE } from "../protocol.ts";
import type { RedisMessage, RedisState } from "./redis.ts";
import { DOLLAR, headerNumber, LF, lineEnd, MAX_BULK_BYTES, MAX_HEADER_BYTES, STAR } from "./wire.ts";

/** An answer with more than this in view and no end is consumed piece by piece. */
const PIECE_BYTES = 4096;
const MAX_ITEMS = 1024 * 1024 * 1024;
const MAX_LINE_BYTES = 64 * 1024;
const MAX_ARG_CHARACTERS = 256;
const MAX_ERROR_BYTES = 256;

const PUSHED = new Set(["message", "pmessage", "smessage"]);
const CONFIRMATION = /^[ps]?(un)?subscribe$/;

/** The first byte of an item (RESP3, github.com/redis/redis-specifications). */
const ItemType = {
  simpleString: 0x2b, // +
  simpleError: 0x2d, // -
  integer: 0x3a, // :
  bulkString: DOLLAR,
  array: STAR,
  null: 0x5f, // _
  boolean: 0x23, // #
  double: 0x2c, // ,
  bigNumber: 0x28, // (
  bulkError: 0x21, // !
  verbatimString: 0x3d, // =
  map: 0x25, // %
  set: 0x7e, // ~
  attribute: 0x7c, // |
  push: 0x3e, // >
} as const;

/** @param isCut what is not there may never come: all that is there is consumed, up to the last whole item */
export function parseServer(
  bytes: Uint8Array,
  state: RedisState,
  sink: MessageSink<RedisMessage>,
  isCut = false,
): number {
  const begun = state.serverMessage !== undefined;
  let message = state.serverMessage;
  let items = begun ? state.serverItems : 1;
  let at = 0;
  let isSilent = state.isServerSilent;
  while (items > 0) {
    if (at >= bytes.length) return pause();
    const found = readItem(bytes, at);
    if (found < 0) return INVALID;
    if (found === 0) return pause();
    const { end, children } = item;
    if (message === undefined) {
      if (item.type === ItemType.bulkError && Math.min(end, item.headEnd + MAX_ERROR_BYTES) > bytes.length)
        return NEED_MORE;
      const started = startMessage(bytes, at, state);
      if (started === NOT_IN_VIEW) return NEED_MORE;
      isSilent = started === undefined;
      message = started ?? newResponse();
      if (item.type === ItemType.simpleError) message.error = errorText(bytes, at + 1, item.headEnd - 2);
      else if (item.type === ItemType.bulkError) message.error = errorText(bytes, item.headEnd, end - 2);
    }
    const left = items - 1 + children;
    if (end > bytes.length && left > 0) return end - at <= PIECE_BYTES ? pause() : begin(end, left);
    at = end;
    items = left;
  }
  state.serverMessage = undefined;
  state.isServerSilent = false;
  if (!isSilent) {
    if (begun) sink.end(message!);
    else sink.message(message!);
  }
  return at;

  function pause(): number {
    const isEnough = at >= PIECE_BYTES || (isCut && at > 0);
    return isEnough && message !== undefined ? begin(at, items) : NEED_MORE;
  }

  function begin(consumed: number, left: number): number {
    if (!begun && !isSilent) sink.begin(message!);
    state.serverMessage = message;
    state.serverItems = left;
    state.isServerSilent = isSilent;
    return consumed;
  }
}

/** What readItem has read last: one object for all, since items come by the million. */
const item = {
  type: 0,
  /** Behind its first line. */
  headEnd: 0,
  /** Behind all of it but its children. */
  end: 0,
  /** Items that follow as parts of it. */
  children: 0,
};

/** Reads the item at `at` without its children. @returns index behind its first line; 0: not in view; -1: no item */
function readItem(bytes: Uint8Array, at: number): number {
  const type = bytes[at]!;
  const end = lineEnd(bytes, at, isLine(type) ? MAX_LINE_BYTES : MAX_HEADER_BYTES);
  if (end <= 0) return end;
  item.type = type;
  item.headEnd = end;
  item.end = end;
  item.children = 0;
  switch (type) {
    case ItemType.simpleString:
    case ItemType.simpleError:
    case ItemType.double:
    case ItemType.bigNumber:
      return end;
    case ItemType.integer:
      return isInteger(bytes, at + 1, end - 2) ? end : INVALID;
    case ItemType.null:
    case ItemType.boolean:
      return end - at > 4 ? INVALID : end;
    case ItemType.bulkString:
    case ItemType.bulkError:
    case ItemType.verbatimString:
      return readBulk(bytes, at, end);
    case ItemType.array:
    case ItemType.set:
    case ItemType.push:
    case ItemType.map:
    case ItemType.attribute:
      return readAggregate(bytes, at, end);
    default:
      return INVALID;
  }
}

function isLine(type: number): boolean {
  return (
    type === ItemType.simpleString ||
    type === ItemType.simpleError ||
    type === ItemType.double ||
    type === ItemType.bigNumber
  );
}

function readBulk(bytes: Uint8Array, at: number, end: number): number {
  const length = headerNumber(bytes, at + 1, end);
  if (!(length >= -1 && length <= MAX_BULK_BYTES)) return INVALID;
  if (length < 0) return end;
  item.end = end + length + 2;
  return item.end <= bytes.length && bytes[item.end - 1] !== LF ? INVALID : end;
}

function readAggregate(bytes: Uint8Array, at: number, end: number): number {
  const count = headerNumber(bytes, at + 1, end);
  if (!(count >= -1 && count <= MAX_ITEMS)) return INVALID;
  const isAttribute = item.type === ItemType.attribute;
  item.children = Math.max(0, count) * (isAttribute || item.type === ItemType.map ? 2 : 1);
  // An attribute stands before the value that it is about, and is none itself.
  if (isAttribute) item.children++;
  return end;
}

const NOT_IN_VIEW = Symbol("not in view");

/** The message that the item at `at` begins; undefined: a reply that no command waits for. */
function startMessage(bytes: Uint8Array, at: number, state: RedisState): RedisMessage | undefined | typeof NOT_IN_VIEW {
  const { type, headEnd, children } = item;
  // The attribute's own pairs are passed over, then the value follows in the same message.
  if (type === ItemType.attribute && children > 1) return newResponse();
  const first = firstItems(bytes, at, type, headEnd, children);
  return first === undefined ? NOT_IN_VIEW : startReply(first, type, state);
}

function errorText(bytes: Uint8Array, from: number, to: number): string {
  return utf8(bytes, from, Math.min(to, from + MAX_ERROR_BYTES));
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
  if (type !== ItemType.array && type !== ItemType.push)
    return type === ItemType.simpleString ? [latin1(bytes, at + 1, Math.min(end - 2, at + 32))] : [];
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
    if (items.length === 1 && !PUSHED.has(items[0]!) && !CONFIRMATION.test(items[0]!) && type === ItemType.array)
      return items;
  }
  return items;
}

/** @returns undefined: a reply that no command waits for */
function startReply(first: readonly string[], type: number, state: RedisState): RedisMessage | undefined {
  const kind = first[0] ?? "";
  if (state.isMonitor && type === ItemType.simpleString && /^\d+\.\d+ \[/.test(kind)) return undefined;
  const isPush = type === ItemType.push;
  if (isPush || (state.isSubscriber && type === ItemType.array)) {
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
