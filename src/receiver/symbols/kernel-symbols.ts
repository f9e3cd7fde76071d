/** Functions of the kernel, its modules and BPF programs, from the text of /proc/kallsyms. */

import { orderOf, upperBound } from "./function-table.ts";

/** Function symbols of any binding (nm(1): text, weak). */
const TYPES = new Set([0x74, 0x54, 0x77, 0x57]);
const NEWLINE = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const TYPE_AT = 17;
const NAME_AT = 19;

export class KernelSymbols {
  readonly #names: Uint8Array;
  /** Keys of addresses, sorted. */
  readonly #starts: Float64Array;
  readonly #nameOffsets: Uint32Array;

  private constructor(names: Uint8Array, starts: Float64Array, nameOffsets: Uint32Array) {
    this.#names = names;
    this.#starts = starts;
    this.#nameOffsets = nameOffsets;
  }

  /** @returns undefined when there is nothing to read, or all addresses are hidden (kptr_restrict) */
  static parse(text: Uint8Array): KernelSymbols | undefined {
    const reader = new KernelSymbolReader();
    reader.append(text);
    return reader.finish();
  }

  /** @param names end with a newline each @param starts as they came */
  static of(names: Uint8Array, starts: Float64Array, nameOffsets: Uint32Array): KernelSymbols | undefined {
    if (starts.length === 0) return undefined;
    const order = orderOf(starts);
    return new KernelSymbols(
      names,
      Float64Array.from(order, (index) => starts[index]!),
      Uint32Array.from(order, (index) => nameOffsets[index]!),
    );
  }

  nameAt(address: bigint): string | undefined {
    const key = keyOf(Number(address >> 32n), Number(address & 0xffff_ffffn));
    let index = upperBound(this.#starts, key) - 1;
    if (index < 0) return undefined;
    // The first of several names for one address.
    while (index > 0 && this.#starts[index - 1] === this.#starts[index]) index--;
    return this.#name(this.#nameOffsets[index]!);
  }

  #name(from: number): string {
    let end = from;
    while (end < this.#names.length && ![NEWLINE, SPACE, TAB].includes(this.#names[end]!)) end++;
    return Buffer.from(this.#names.buffer, this.#names.byteOffset + from, end - from).toString("latin1");
  }
}

/** Takes the text as it is read: it is three times as long as what is kept of it. */
export class KernelSymbolReader {
  #names = Buffer.allocUnsafe(1 << 20);
  #namesBytes = 0;
  readonly #starts: number[] = [];
  readonly #nameOffsets: number[] = [];
  #rest = Buffer.alloc(0);

  append(bytes: Uint8Array): void {
    const buffer = Buffer.concat([this.#rest, bytes]);
    let from = 0;
    for (let end = buffer.indexOf(NEWLINE); end >= 0; end = buffer.indexOf(NEWLINE, from)) {
      this.#line(buffer, from, end);
      from = end + 1;
    }
    this.#rest = Buffer.from(buffer.subarray(from));
  }

  finish(): KernelSymbols | undefined {
    this.#line(this.#rest, 0, this.#rest.length);
    const names = Uint8Array.from(this.#names.subarray(0, this.#namesBytes));
    return KernelSymbols.of(names, Float64Array.from(this.#starts), Uint32Array.from(this.#nameOffsets));
  }

  #line(buffer: Buffer, from: number, end: number): void {
    if (end - from <= NAME_AT || !TYPES.has(buffer[from + TYPE_AT]!)) return;
    const high = hex(buffer, from);
    if (high === 0) return;
    const lengthBytes = end - from - NAME_AT;
    if (this.#namesBytes + lengthBytes + 1 > this.#names.length) {
      const grown = Buffer.allocUnsafe(2 * this.#names.length + lengthBytes);
      this.#names.copy(grown, 0, 0, this.#namesBytes);
      this.#names = grown;
    }
    this.#starts.push(keyOf(high, hex(buffer, from + 8)));
    this.#nameOffsets.push(this.#namesBytes);
    this.#namesBytes += buffer.copy(this.#names, this.#namesBytes, from + NAME_AT, end);
    this.#names[this.#namesBytes++] = NEWLINE;
  }
}

/** An address of the kernel without its highest 12 bits, which are all set: a double holds it exactly. */
function keyOf(high: number, low: number): number {
  return (high & 0xf_ffff) * 0x1_0000_0000 + low;
}

/** Eight digits. */
function hex(buffer: Buffer, at: number): number {
  let value = 0;
  for (let i = at; i < at + 8; i++) {
    const code = buffer[i]!;
    const digit = code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
    if (digit < 0 || digit > 15) return 0;
    value = value * 16 + digit;
  }
  return value;
}
