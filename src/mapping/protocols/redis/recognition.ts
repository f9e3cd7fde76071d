/** Do these bytes begin a message that only Redis sends? */
import { latin1 } from "../../latin1.ts";
import { Recognition } from "../protocol.ts";
import { isRedisCommandWord } from "./commands.ts";
import { CR, DOLLAR, headerNumber, LF, lineEnd, MAX_BULK_BYTES, MAX_HEADER_BYTES, STAR } from "./wire.ts";

/** `*2\r\n$3\r\nGET\r\n` up to the command word. */
export function recognizeRequest(bytes: Uint8Array): Recognition {
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
  const word = latin1(bytes, header, header + length);
  if (/subscribe$/i.test(word)) return subscription(bytes, header + length + 2);
  return isRedisCommandWord(word) ? Recognition.request : Recognition.no;
}

/** The server confirms with the same word, a channel and a number; the client only names channels. */
function subscription(bytes: Uint8Array, at: number): Recognition {
  if (at >= bytes.length) return Recognition.needMore;
  if (bytes[at] !== DOLLAR) return Recognition.no;
  const header = lineEnd(bytes, at, MAX_HEADER_BYTES);
  if (header <= 0) return header === 0 ? Recognition.needMore : Recognition.no;
  const next = header + headerNumber(bytes, at + 1, header) + 2;
  return bytes[next] === undefined || bytes[next] === DOLLAR || bytes[next] === STAR
    ? Recognition.request
    : Recognition.no;
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
/** Words that begin an inline command; what they mean is settled by the answer. */
const INLINE_WORDS = (
  "get set ping info select auth keys del exists incr decr config client monitor dbsize flushall " +
  "flushdb ttl type hgetall lrange echo quit publish subscribe psubscribe hello mget mset hget hset " +
  "lpush rpush lpop rpop sadd smembers zadd zrange expire persist scan multi exec discard append strlen " +
  "getset setex setnx object memory command cluster role slowlog debug save bgsave lastsave time " +
  "replicaof slaveof shutdown xadd xread eval script"
).split(" ");
const INLINE = new Set(INLINE_WORDS);
const INLINE_STARTS = new Set(INLINE_WORDS.flatMap((word) => Array.from(word, (_, index) => word.slice(0, index + 1))));
const INLINE_PAIRS = new Set(INLINE_WORDS.map((word) => (word.charCodeAt(0) << 8) | word.charCodeAt(1)));
const MAX_WORD = 16;

/** Do the bytes begin an inline command, as far as they are there? */
export function mayBeInline(bytes: Uint8Array): boolean {
  // Most words are told by two letters.
  if (bytes.length > 1 && !INLINE_PAIRS.has(((bytes[0]! | 0x20) << 8) | (bytes[1]! | 0x20))) return false;
  let end = 0;
  while (end < bytes.length && end < MAX_WORD && isLetter(bytes[end]!)) end++;
  if (end === 0) return false;
  const word = latin1(bytes, 0, end).toLowerCase();
  return end === bytes.length ? INLINE_STARTS.has(word) : INLINE.has(word);
}

function isLetter(byte: number): boolean {
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x7a;
}

export function recognizeReply(bytes: Uint8Array): Recognition {
  const type = bytes[0]!;
  const limit = type === 43 || type === 45 ? 1024 : MAX_HEADER_BYTES;
  const end = lineEnd(bytes, 0, limit);
  if (end < 0) return Recognition.no;
  if (end === 0) return Recognition.needMore;
  if (type === DOLLAR || type === STAR || type === 37 || type === 126 || type === 62 || type === 124) {
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
