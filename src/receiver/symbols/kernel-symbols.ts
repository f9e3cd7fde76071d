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
  readonly #text: Uint8Array;
  /** Keys of addresses, sorted. */
  readonly #starts: Float64Array;
  readonly #nameOffsets: Uint32Array;

  private constructor(text: Uint8Array, starts: Float64Array, nameOffsets: Uint32Array) {
    this.#text = text;
    this.#starts = starts;
    this.#nameOffsets = nameOffsets;
  }

  /** @returns undefined when there is nothing to read, or all addresses are hidden (kptr_restrict) */
  static parse(text: Uint8Array): KernelSymbols | undefined {
    const buffer = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
    const most = Math.floor(buffer.length / NAME_AT);
    const starts = new Float64Array(most);
    const nameOffsets = new Uint32Array(most);
    let count = 0;
    for (let from = 0; from < buffer.length; ) {
      const newline = buffer.indexOf(NEWLINE, from);
      const end = newline < 0 ? buffer.length : newline;
      if (end - from > NAME_AT && TYPES.has(buffer[from + TYPE_AT]!)) {
        const high = hex(buffer, from);
        if (high > 0) {
          starts[count] = keyOf(high, hex(buffer, from + 8));
          nameOffsets[count] = from + NAME_AT;
          count++;
        }
      }
      from = end + 1;
    }
    if (count === 0) return undefined;
    const order = orderOf(starts.subarray(0, count));
    return new KernelSymbols(
      text,
      Float64Array.from(order, (index) => starts[index]!),
      Uint32Array.from(order, (index) => nameOffsets[index]!),
    );
  }

  get sizeBytes(): number {
    return this.#text.length + 12 * this.#starts.length;
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
    while (end < this.#text.length && ![NEWLINE, SPACE, TAB].includes(this.#text[end]!)) end++;
    return Buffer.from(this.#text.buffer, this.#text.byteOffset + from, end - from).toString("latin1");
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
