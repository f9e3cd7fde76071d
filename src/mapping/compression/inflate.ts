/**
 * DEFLATE (RFC 1951) and its zlib frame (RFC 1950), as far as `maxOutput` bytes: parsers look at the beginning of
 * what was compressed, in code that does no I/O. Damaged or cut input gives what came out before.
 */

const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MAX_BITS = 15;

/** Canonical Huffman code: how many codes of each length, and their symbols in order. */
interface Huffman {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

function huffman(lengths: Uint8Array): Huffman {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  const offsets = new Uint16Array(MAX_BITS + 2);
  for (let i = 1; i <= MAX_BITS; i++) offsets[i + 1] = offsets[i]! + counts[i]!;
  const symbols = new Uint16Array(lengths.length);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol]!;
    if (length > 0) symbols[offsets[length]!++] = symbol;
  }
  return { counts, symbols };
}

const FIXED_LITERALS = huffman(
  Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
);
const FIXED_DISTANCES = huffman(new Uint8Array(30).fill(5));

class Inflater {
  readonly #input: Uint8Array;
  readonly #limit: number;
  #at: number;
  #bits = 0;
  #bitCount = 0;
  #output: Uint8Array;
  #length = 0;
  /** The input is damaged or at its end. */
  #isDone = false;

  constructor(input: Uint8Array, at: number, maxOutput: number) {
    this.#input = input;
    this.#at = at;
    this.#limit = maxOutput;
    this.#output = new Uint8Array(Math.min(maxOutput, Math.max(256, input.length * 4)));
  }

  run(): Uint8Array {
    let isLast = false;
    while (!isLast && !this.#isDone && this.#length < this.#limit) {
      isLast = this.#take(1) === 1;
      const type = this.#take(2);
      if (this.#isDone) break;
      if (type === 0) this.#stored();
      else if (type === 1) this.#block(FIXED_LITERALS, FIXED_DISTANCES);
      else if (type === 2) this.#dynamic();
      else break;
    }
    return this.#output.subarray(0, this.#length);
  }

  #take(count: number): number {
    while (this.#bitCount < count) {
      if (this.#at >= this.#input.length) {
        this.#isDone = true;
        return 0;
      }
      this.#bits |= this.#input[this.#at++]! << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  #symbol(code: Huffman): number {
    let value = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      value |= this.#take(1);
      if (this.#isDone) return -1;
      const count = code.counts[length]!;
      if (value - count < first) return code.symbols[index + (value - first)]!;
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    this.#isDone = true;
    return -1;
  }

  #put(byte: number): void {
    if (this.#length === this.#output.length) {
      if (this.#length >= this.#limit) return;
      const larger = new Uint8Array(Math.min(this.#limit, this.#length * 2 + 256));
      larger.set(this.#output);
      this.#output = larger;
    }
    this.#output[this.#length++] = byte;
  }

  #stored(): void {
    this.#bits = 0;
    this.#bitCount = 0;
    const input = this.#input;
    const size = this.#at + 4 <= input.length ? input[this.#at]! | (input[this.#at + 1]! << 8) : 0;
    this.#at += 4;
    const end = Math.min(this.#at + size, input.length);
    while (this.#at < end && this.#length < this.#limit) this.#put(input[this.#at++]!);
    if (this.#at >= input.length) this.#isDone = true;
  }

  #dynamic(): void {
    const literalCount = this.#take(5) + 257;
    const distanceCount = this.#take(5) + 1;
    const codeCount = this.#take(4) + 4;
    const lengths = new Uint8Array(19);
    for (let i = 0; i < codeCount; i++) lengths[CODE_LENGTH_ORDER[i]!] = this.#take(3);
    const code = huffman(lengths);
    const all = new Uint8Array(literalCount + distanceCount);
    for (let i = 0; i < all.length && !this.#isDone; ) {
      const symbol = this.#symbol(code);
      if (symbol < 0) return;
      if (symbol < 16) {
        all[i++] = symbol;
        continue;
      }
      const previous = symbol === 16 && i > 0 ? all[i - 1]! : 0;
      let repeat = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      while (repeat-- > 0 && i < all.length) all[i++] = previous;
    }
    if (!this.#isDone) this.#block(huffman(all.subarray(0, literalCount)), huffman(all.subarray(literalCount)));
  }

  #block(literals: Huffman, distances: Huffman): void {
    while (this.#length < this.#limit) {
      const symbol = this.#symbol(literals);
      if (symbol < 0 || symbol === 256) return;
      if (symbol < 256) {
        this.#put(symbol);
        continue;
      }
      const lengthCode = symbol - 257;
      if (lengthCode >= LENGTH_BASE.length) break;
      let length = LENGTH_BASE[lengthCode]! + this.#take(LENGTH_EXTRA[lengthCode]!);
      const distanceCode = this.#symbol(distances);
      if (distanceCode < 0 || distanceCode >= DISTANCE_BASE.length) break;
      const distance = DISTANCE_BASE[distanceCode]! + this.#take(DISTANCE_EXTRA[distanceCode]!);
      if (distance > this.#length || this.#isDone) break;
      while (length-- > 0 && this.#length < this.#limit) this.#put(this.#output[this.#length - distance]!);
    }
    if (this.#length < this.#limit) this.#isDone = true;
  }
}

/** @returns undefined: not a zlib stream */
export function inflateZlib(input: Uint8Array, maxOutput: number): Uint8Array | undefined {
  if (input.length < 2 || (input[0]! & 15) !== 8 || ((input[0]! << 8) | input[1]!) % 31 !== 0) return undefined;
  return new Inflater(input, (input[1]! & 0x20) === 0 ? 2 : 6, maxOutput).run();
}
