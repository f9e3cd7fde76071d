/** Literals of Zstandard in Huffman codes (RFC 8878 section 4.2). */
import { BackwardBits } from "./zstd-bits.ts";
import { FseState, readFseTable } from "./zstd-fse.ts";

export interface HuffmanTable {
  readonly maxBits: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

const MAX_BITS = 11;
const MAX_WEIGHTS = 255;

export function readHuffmanTable(
  bytes: Uint8Array,
  from: number,
): { readonly table: HuffmanTable; readonly end: number } | undefined {
  const header = bytes[from];
  if (header === undefined) return undefined;
  const weights: number[] = [];
  let end: number;
  if (header >= 128) {
    const count = header - 127;
    end = from + 1 + ((count + 1) >> 1);
    for (let i = 0; i < count; i++) {
      const byte = bytes[from + 1 + (i >> 1)] ?? 0;
      weights.push(i % 2 === 0 ? byte >> 4 : byte & 15);
    }
  } else {
    end = from + 1 + header;
    const found = readFseTable(bytes, from + 1, 6, MAX_WEIGHTS);
    if (found === undefined || found.end >= end || end > bytes.length) return undefined;
    const bits = new BackwardBits(bytes, found.end, end);
    // Two states take turns, until the bits run out.
    const states = [new FseState(found.table, bits), new FseState(found.table, bits)];
    if (bits.left < 0) return undefined;
    for (let i = 0; weights.length <= MAX_WEIGHTS; i++) {
      const state = states[i % 2]!;
      weights.push(state.symbol);
      state.advance();
      if (bits.left < 0) {
        weights.push(states[(i + 1) % 2]!.symbol);
        break;
      }
    }
  }
  if (end > bytes.length || weights.length > MAX_WEIGHTS) return undefined;
  const table = tableOf(weights);
  return table === undefined ? undefined : { table, end };
}

/** The last weight is what is missing to a power of two. */
function tableOf(weights: number[]): HuffmanTable | undefined {
  let sum = 0;
  for (const weight of weights) sum += weight > 0 ? 1 << (weight - 1) : 0;
  if (sum === 0) return undefined;
  const maxBits = 32 - Math.clz32(sum);
  const missing = (1 << maxBits) - sum;
  if (maxBits > MAX_BITS || (missing & (missing - 1)) !== 0) return undefined;
  weights.push(32 - Math.clz32(missing));
  const symbols = new Uint8Array(1 << maxBits);
  const bits = new Uint8Array(1 << maxBits);
  let position = 0;
  for (let weight = 1; weight <= maxBits; weight++) {
    for (let symbol = 0; symbol < weights.length; symbol++) {
      if (weights[symbol] !== weight) continue;
      const count = 1 << (weight - 1);
      symbols.fill(symbol, position, position + count);
      bits.fill(maxBits + 1 - weight, position, position + count);
      position += count;
    }
  }
  return position === 1 << maxBits ? { maxBits, symbols, bits } : undefined;
}

/** One stream. @returns whether it held exactly what it should */
export function decodeHuffman(
  bytes: Uint8Array,
  from: number,
  end: number,
  table: HuffmanTable,
  out: Uint8Array,
  outFrom: number,
  outEnd: number,
): boolean {
  const bits = new BackwardBits(bytes, from, end);
  if (end > bytes.length || bits.left < 0) return false;
  for (let at = outFrom; at < outEnd; at++) {
    const index = bits.peek(table.maxBits);
    out[at] = table.symbols[index]!;
    bits.left -= table.bits[index]!;
    if (bits.left < 0) return false;
  }
  return bits.left === 0;
}
