/** Repeated stretches of bytes, for the formats of LZ4 and Snappy: both say `literals, then so many bytes from so far back`. */

const MIN_MATCH = 4;
const MAX_DISTANCE = 65_535;
const HASH_BITS = 14;
const HASH_FACTOR = 0x9e3779b1;

interface Match {
  /** Where it begins: what lies between it and the end of the last one are literals. */
  readonly at: number;
  readonly length: number;
  /** How far back the same bytes lie. */
  readonly distance: number;
}

/**
 * One after the other, none that reaches beyond `to`; greedy, by the last place of each hash of four bytes.
 * @param from what comes before is not looked at
 */
export function* findMatches(bytes: Buffer, from: number, to: number): Generator<Match> {
  const places = new Int32Array(1 << HASH_BITS).fill(-1);
  const last = to - MIN_MATCH;
  let misses = 0;
  for (let at = from; at <= last; ) {
    const word = bytes.readUInt32LE(at);
    const hash = Math.imul(word, HASH_FACTOR) >>> (32 - HASH_BITS);
    const before = places[hash]!;
    places[hash] = at;
    if (before < from || at - before > MAX_DISTANCE || bytes.readUInt32LE(before) !== word) {
      // Where nothing repeats, it gets on faster and faster.
      at += 1 + (misses++ >> 6);
      continue;
    }
    misses = 0;
    let length = MIN_MATCH;
    while (at + length < to && bytes[before + length] === bytes[at + length]) length++;
    yield { at, length, distance: at - before };
    at += length;
  }
}
