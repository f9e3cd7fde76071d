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

const PUSHED = new Set(["message", "pmessage", "smessage"]);
const CONFIRMATION = /^[ps]?(un)?subscribe$/;

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
    const isEnough = consumed >= PIECE_BYTES || (isCut && consumed > 0);
    return isEnough && message !== undefined ? begin(consumed, left) : NEED_MORE;
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
