/**
 * Zstandard (RFC 8878): the first bytes of one frame, unpacked, be the rest of it there or not. Node 20 has none of its own;
 * libraries take whole frames (zstd-wasm), or reserve the window that a stranger's header names (fzstd). For small messages: speed
 * is not its aim; it never throws, and what it holds is bounded by what is asked for and by a block's 128 KiB.
 */
import { BackwardBits } from "./zstd-bits.ts";
import { constantTable, FseState, type FseTable, fseTable, readFseTable } from "./zstd-fse.ts";
import { decodeHuffman, type HuffmanTable, readHuffmanTable } from "./zstd-huffman.ts";

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const MAX_BLOCK = 128 * 1024;
const Block = { raw: 0, repeated: 1, compressed: 2 } as const;

/** Section 3.1.1.3.2.1.1: codes to base values and extra bits. */
const LITERAL_BASES: readonly number[] = [
  ...Array(16).keys(),
  ...[16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536],
];
const LITERAL_BITS: readonly number[] = [
  ...Array(16).fill(0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
];
const MATCH_BASES: readonly number[] = [
  ...Array.from({ length: 32 }, (_, index) => index + 3),
  ...[35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539],
];
const MATCH_BITS: readonly number[] = [
  ...Array(32).fill(0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
];
/** Section 3.1.1.3.2.2: the distributions that need no telling. */
const DEFAULTS: readonly FseTable[] = [
  fseTable(
    [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
    6,
  )!,
  fseTable([1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1], 5)!,
  fseTable(
    [
      1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
      1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    6,
  )!,
];
const MAX_ACCURACY = [9, 8, 9];
const MAX_SYMBOL = [35, 31, 52];

class Frame {
  readonly #bytes: Uint8Array;
  readonly #out: Uint8Array;
  #length = 0;
  #huffman: HuffmanTable | undefined;
  #tables: (FseTable | undefined)[] = [undefined, undefined, undefined];
  #offsets: [number, number, number] = [1, 4, 8];

  constructor(bytes: Uint8Array, maxBytes: number) {
    this.#bytes = bytes;
    this.#out = new Uint8Array(maxBytes);
  }

  get result(): Uint8Array {
    return this.#out.subarray(0, this.#length);
  }

  get #isFull(): boolean {
    return this.#length >= this.#out.length;
  }

  /** @returns whether all that was looked at is well formed */
  blocks(from: number): boolean {
    const bytes = this.#bytes;
    for (let at = from; ; ) {
      if (at + 3 > bytes.length) return false;
      const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
      const type = (header >> 1) & 3;
      const size = header >> 3;
      at += 3;
      if (type === Block.repeated) {
        if (at >= bytes.length) return false;
        for (let i = 0; i < size && !this.#isFull; i++) this.#out[this.#length++] = bytes[at]!;
        at++;
      } else {
        if (at + size > bytes.length || type > Block.compressed) return false;
        if (type === Block.raw) this.#append(bytes, at, at + size);
        else if (!this.#compressed(at, at + size)) return false;
        at += size;
      }
      if (this.#isFull || (header & 1) !== 0) return true;
    }
  }

  #append(bytes: Uint8Array, from: number, to: number): void {
    const count = Math.min(to - from, this.#out.length - this.#length);
    this.#out.set(bytes.subarray(from, from + count), this.#length);
    this.#length += count;
  }

  #compressed(from: number, end: number): boolean {
    const literals = this.#literals(from, end);
    if (literals === undefined) return false;
    const bytes = this.#bytes;
    let at = literals.end;
    const first = bytes[at++]!;
    if (at > end) return false;
    let count = first;
    if (first >= 128 && first < 255) count = ((first - 128) << 8) + bytes[at++]!;
    else if (first === 255) {
      count = bytes[at]! + (bytes[at + 1]! << 8) + 0x7f00;
      at += 2;
    }
    if (count === 0) {
      this.#append(literals.bytes, 0, literals.bytes.length);
      return true;
    }
    const modes = bytes[at++]!;
    for (let kind = 0; kind < 3; kind++) {
      const next = this.#table(kind, (modes >> (6 - kind * 2)) & 3, at, end);
      if (next < 0) return false;
      at = next;
    }
    return at < end && this.#sequences(count, literals.bytes, at, end);
  }

  /** Section 3.1.1.3.1. */
  #literals(from: number, end: number): { readonly bytes: Uint8Array; readonly end: number } | undefined {
    const bytes = this.#bytes;
    const type = bytes[from]! & 3;
    const format = (bytes[from]! >> 2) & 3;
    const word = (count: number): number => {
      let value = 0;
      for (let i = count - 1; i >= 0; i--) value = value * 256 + (bytes[from + i] ?? 0);
      return value;
    };
    if (type < 2) {
      const width = format === 1 ? 2 : format === 3 ? 3 : 1;
      const size = Math.floor(word(width) / (width === 1 ? 8 : 16));
      const at = from + width;
      if (size > MAX_BLOCK) return undefined;
      if (type === 1) return { bytes: new Uint8Array(size).fill(bytes[at] ?? 0), end: at + 1 };
      return at + size > end ? undefined : { bytes: bytes.subarray(at, at + size), end: at + size };
    }
    const width = format < 2 ? 3 : format + 2;
    const sizeBits = format < 2 ? 10 : format === 2 ? 14 : 18;
    const sizes = Math.floor(word(width) / 16);
    const size = sizes % 2 ** sizeBits;
    const packed = Math.floor(sizes / 2 ** sizeBits);
    let at = from + width;
    const packedEnd = at + packed;
    if (size > MAX_BLOCK || packedEnd > end) return undefined;
    if (type === 2) {
      const found = readHuffmanTable(bytes, at);
      if (found === undefined) return undefined;
      this.#huffman = found.table;
      at = found.end;
    }
    if (this.#huffman === undefined || at > packedEnd) return undefined;
    const out = new Uint8Array(size);
    const isFine =
      format === 0
        ? decodeHuffman(bytes, at, packedEnd, this.#huffman, out, 0, size)
        : this.#fourStreams(at, packedEnd, this.#huffman, out);
    return isFine ? { bytes: out, end: packedEnd } : undefined;
  }

  /** Six bytes say how long the first three are. */
  #fourStreams(from: number, end: number, table: HuffmanTable, out: Uint8Array): boolean {
    const bytes = this.#bytes;
    const part = (out.length + 3) >> 2;
    let at = from + 6;
    for (let i = 0; i < 4; i++) {
      const length = i < 3 ? bytes[from + i * 2]! | (bytes[from + i * 2 + 1]! << 8) : end - at;
      const to = i < 3 ? Math.min((i + 1) * part, out.length) : out.length;
      if (length <= 0 || at + length > end) return false;
      if (!decodeHuffman(bytes, at, at + length, table, out, Math.min(i * part, out.length), to)) return false;
      at += length;
    }
    return true;
  }

  /** @returns where the next one begins, -1 where it is malformed */
  #table(kind: number, mode: number, at: number, end: number): number {
    if (mode === 0) this.#tables[kind] = DEFAULTS[kind];
    else if (mode === 1) {
      if (at >= end || this.#bytes[at]! > MAX_SYMBOL[kind]!) return -1;
      this.#tables[kind] = constantTable(this.#bytes[at]!);
      return at + 1;
    } else if (mode === 2) {
      const found = readFseTable(this.#bytes, at, MAX_ACCURACY[kind]!, MAX_SYMBOL[kind]!);
      if (found === undefined || found.end > end) return -1;
      this.#tables[kind] = found.table;
      return found.end;
    }
    return this.#tables[kind] === undefined ? -1 : at;
  }

  #sequences(count: number, literals: Uint8Array, from: number, end: number): boolean {
    const bits = new BackwardBits(this.#bytes, from, end);
    if (bits.left < 0) return false;
    const [literalTable, offsetTable, matchTable] = this.#tables as [FseTable, FseTable, FseTable];
    const literalState = new FseState(literalTable, bits);
    const offsetState = new FseState(offsetTable, bits);
    const matchState = new FseState(matchTable, bits);
    let literal = 0;
    for (let i = 0; i < count; i++) {
      const offsetCode = offsetState.symbol;
      if (offsetCode > 31) return false;
      const offsetValue = 2 ** offsetCode + bits.read(offsetCode);
      const matchLength = MATCH_BASES[matchState.symbol]! + bits.read(MATCH_BITS[matchState.symbol]!);
      const literalLength = LITERAL_BASES[literalState.symbol]! + bits.read(LITERAL_BITS[literalState.symbol]!);
      if (i < count - 1) {
        literalState.advance();
        matchState.advance();
        offsetState.advance();
      }
      if (bits.left < 0 || literal + literalLength > literals.length) return false;
      this.#append(literals, literal, literal + literalLength);
      literal += literalLength;
      if (this.#isFull) return true;
      const offset = this.#offset(offsetValue, literalLength);
      if (offset <= 0 || offset > this.#length) return false;
      for (let j = 0; j < matchLength && !this.#isFull; j++) {
        this.#out[this.#length] = this.#out[this.#length - offset]!;
        this.#length++;
      }
    }
    this.#append(literals, literal, literals.length);
    return true;
  }

  /** Values up to 3 mean one of the last offsets (section 3.1.1.5). */
  #offset(value: number, literalLength: number): number {
    const offsets = this.#offsets;
    if (value > 3) {
      this.#offsets = [value - 3, offsets[0], offsets[1]];
      return value - 3;
    }
    const index = value - 1 + (literalLength === 0 ? 1 : 0);
    if (index === 0) return offsets[0];
    const offset = index === 3 ? offsets[0] - 1 : offsets[index]!;
    this.#offsets = index === 1 ? [offset, offsets[0], offsets[2]] : [offset, offsets[0], offsets[1]];
    return offset;
  }
}

/** @returns the first bytes, at most `maxBytes`; undefined where the frame is malformed or needs a dictionary */
export function unpackZstd(bytes: Uint8Array, maxBytes: number): Uint8Array | undefined {
  if (bytes.length < 6 || MAGIC.some((byte, index) => bytes[index] !== byte)) return undefined;
  const descriptor = bytes[4]!;
  const isSingle = (descriptor & 0x20) !== 0;
  if ((descriptor & 3) !== 0) return undefined;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const frame = new Frame(bytes, maxBytes);
  return frame.blocks(5 + (isSingle ? 0 : 1) + sizeBytes) ? frame.result : undefined;
}
