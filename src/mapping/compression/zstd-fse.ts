/** Finite state entropy tables of Zstandard (RFC 8878 section 4.1): how a distribution becomes states. */
import { type BackwardBits, ForwardBits } from "./zstd-bits.ts";

export interface FseTable {
  readonly accuracy: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

/** @param counts -1: less than one */
export function fseTable(counts: readonly number[], accuracy: number): FseTable | undefined {
  const size = 1 << accuracy;
  const symbols = new Uint8Array(size);
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  const next = new Uint16Array(counts.length);
  let high = size;
  counts.forEach((count, symbol) => {
    next[symbol] = Math.abs(count);
    if (count === -1 && high > 0) symbols[--high] = symbol;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let position = 0;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    for (let i = 0; i < counts[symbol]!; i++) {
      symbols[position] = symbol;
      do position = (position + step) & (size - 1);
      while (position >= high && high > 0);
    }
  }
  if (position !== 0) return undefined;
  for (let state = 0; state < size; state++) {
    const value = next[symbols[state]!]!++;
    const width = accuracy - (31 - Math.clz32(value));
    bits[state] = width;
    bases[state] = (value << width) - size;
  }
  return { accuracy, symbols, bits, bases };
}

/** Always the same symbol. */
export function constantTable(symbol: number): FseTable {
  return { accuracy: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), bases: new Uint16Array(1) };
}

/** A distribution as it is written (section 4.1.1). */
export function readFseTable(
  bytes: Uint8Array,
  from: number,
  maxAccuracy: number,
  maxSymbol: number,
): { readonly table: FseTable; readonly end: number } | undefined {
  const reader = new ForwardBits(bytes, from);
  const accuracy = reader.read(4) + 5;
  if (accuracy > maxAccuracy) return undefined;
  const counts: number[] = [];
  let left = (1 << accuracy) + 1;
  while (left > 1 && counts.length <= maxSymbol) {
    const width = 32 - Math.clz32(left);
    const half = (1 << (width - 1)) - 1;
    const spare = (1 << width) - 1 - left;
    let value = reader.peek(width);
    if ((value & half) < spare) {
      value &= half;
      reader.skip(width - 1);
    } else {
      if (value > half) value -= spare;
      reader.skip(width);
    }
    const count = value - 1;
    left -= Math.abs(count);
    counts.push(count);
    if (count !== 0) continue;
    for (let repeat = 3; repeat === 3 && counts.length <= maxSymbol; ) {
      repeat = reader.read(2);
      for (let i = 0; i < repeat; i++) counts.push(0);
    }
  }
  if (left !== 1 || counts.length > maxSymbol + 1 || reader.isBeyond) return undefined;
  const table = fseTable(counts, accuracy);
  return table === undefined ? undefined : { table, end: reader.byteEnd };
}

/** One state of a table, on a stream that is read from its end. */
export class FseState {
  readonly #table: FseTable;
  readonly #bits: BackwardBits;
  #state: number;

  constructor(table: FseTable, bits: BackwardBits) {
    this.#table = table;
    this.#bits = bits;
    this.#state = bits.read(table.accuracy);
  }

  get symbol(): number {
    return this.#table.symbols[this.#state]!;
  }

  advance(): void {
    this.#state = this.#table.bases[this.#state]! + this.#bits.read(this.#table.bits[this.#state]!);
  }
}
