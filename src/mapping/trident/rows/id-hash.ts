/** Span and trace ids for rows that bring none: the same row always gives the same id. */

const OFFSET_LOW = 0x811c9dc5;
const PRIME = 0x01000193;

/** Two 32-bit FNV-1a lanes over 16-bit pieces, mixed at the end: 64 bits that spread well enough for ids. */
export class IdHash {
  #a = OFFSET_LOW;
  #b = 0x9e3779b9;

  add(value: number): this {
    this.#a = Math.imul(this.#a ^ (value & 0xffff), PRIME);
    this.#a = Math.imul(this.#a ^ (value >>> 16), PRIME);
    this.#b = Math.imul(this.#b ^ value, 0x85ebca6b) ^ (this.#b >>> 13);
    return this;
  }

  addBig(value: bigint): this {
    // The lowest bits of a time may go: what is hashed with it tells rows apart.
    const number = Number(value);
    return this.add((number % 4_294_967_296) | 0).add((number / 4_294_967_296) | 0);
  }

  addText(text: string): this {
    for (let index = 0; index < text.length; index++) this.add(text.charCodeAt(index));
    return this;
  }

  /** 16 hex digits, never all zero. */
  spanId(): string {
    const high = mix(this.#a ^ this.#b);
    const low = mix(Math.imul(this.#b, 0xc2b2ae35) + this.#a);
    return hex(high) + hex(low === 0 && high === 0 ? 1 : low);
  }

  /** 32 hex digits. */
  traceId(): string {
    const first = this.spanId();
    return first + this.add(0x7472).spanId();
  }
}

function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const HEX = Array.from({ length: 65_536 }, (_, value) => value.toString(16).padStart(4, "0"));

function hex(value: number): string {
  return (HEX[value >>> 16] as string) + (HEX[value & 0xffff] as string);
}

export function isTraceId(text: string): boolean {
  return text.length === 32 && /^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text);
}

export function isSpanId(text: string): boolean {
  return text.length === 16 && /^[0-9a-f]{16}$/.test(text) && !/^0+$/.test(text);
}
