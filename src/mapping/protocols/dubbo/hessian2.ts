/**
 * Hessian 2.0 (hessian.caucho.com/doc/hessian-serialization.html) read in order: texts and maps of texts are given,
 * all other values are passed over. At most 4096 values and 24 levels; what is cut or damaged sets `failed`.
 */
import { ByteReader } from "../byte-reader.ts";

const MAX_DEPTH = 24;
const MAX_VALUES = 4096;
const MAX_ENTRIES = 64;
const MAX_TEXT = 4096;

export class Hessian2Reader {
  readonly #bytes: Uint8Array;
  readonly #reader: ByteReader;
  /** Field counts of the class definitions so far. */
  readonly #fieldCounts: number[] = [];
  readonly #classNames: string[] = [];
  #values = 0;

  constructor(bytes: Uint8Array, position: number, end: number) {
    this.#bytes = bytes;
    this.#reader = new ByteReader(bytes, position, end);
  }

  get failed(): boolean {
    return this.#reader.failed;
  }

  /** undefined: the next value is no text; it is passed over. */
  text(): string | undefined {
    const tag = this.#peek();
    if (tag <= 0x1f || (tag >= 0x30 && tag <= 0x33) || tag === 0x52 || tag === 0x53) {
      this.#reader.skip(1);
      return this.#textBody(tag);
    }
    this.skip();
    return undefined;
  }

  /** A small integer; undefined: the next value is none; it is passed over. */
  integer(): number | undefined {
    const tag = this.#peek();
    if (tag < 0x80 || tag > 0xbf) {
      this.skip();
      return undefined;
    }
    this.#reader.skip(1);
    return tag - 0x90;
  }

  /** Texts by text of the next map; keys in lower case. Other values are passed over. */
  map(): Map<string, string> {
    const result = new Map<string, string>();
    const tag = this.#peek();
    if (tag !== 0x48 && tag !== 0x4d) {
      this.skip();
      return result;
    }
    this.#reader.skip(1);
    if (tag === 0x4d) this.#type();
    while (!this.failed && this.#peek() !== 0x5a && result.size < MAX_ENTRIES) {
      const key = this.text();
      const value = this.text();
      if (key !== undefined && value !== undefined && !this.failed) result.set(key.toLowerCase(), value);
    }
    this.#reader.skip(1);
    return result;
  }

  /** Class of the next value, an object that is the first of its class. */
  className(): string | undefined {
    while (this.#peek() === 0x43) this.#classDefinition();
    const tag = this.#peek();
    const index = tag >= 0x60 && tag <= 0x6f ? tag - 0x60 : tag === 0x4f ? 0 : -1;
    return this.failed ? undefined : this.#classNames[index];
  }

  skip(depth = 0): void {
    if (depth > MAX_DEPTH || ++this.#values > MAX_VALUES) {
      this.#fail();
      return;
    }
    const reader = this.#reader;
    const tag = reader.uint8();
    if (reader.failed) return;
    if (tag <= 0x1f || (tag >= 0x30 && tag <= 0x33) || tag === 0x52 || tag === 0x53) this.#textBody(tag);
    else if (tag <= 0x2f) reader.skip(tag - 0x20);
    else if (tag <= 0x37) reader.skip(((tag - 0x34) << 8) | reader.uint8());
    else if (tag <= 0x3f) reader.skip(2);
    else if (tag >= 0x60 && tag <= 0x6f) this.#skipMany(this.#fieldCounts[tag - 0x60], depth);
    else if (tag >= 0x70 && tag <= 0x77) {
      this.#type();
      this.#skipMany(tag - 0x70, depth);
    } else if (tag >= 0x78 && tag <= 0x7f) this.#skipMany(tag - 0x78, depth);
    else if (tag >= 0x80 && tag <= 0xbf) return;
    else if (tag >= 0xc0 && tag <= 0xcf) reader.skip(1);
    else if (tag >= 0xd0 && tag <= 0xd7) reader.skip(2);
    else if (tag >= 0xd8 && tag <= 0xef) return;
    else if (tag >= 0xf0) reader.skip(1);
    else this.#skipTagged(tag, depth);
  }

  #skipTagged(tag: number, depth: number): void {
    const reader = this.#reader;
    switch (tag) {
      case 0x41: // 'A': a chunk of binary data, and another behind it
        reader.skip(reader.uint16());
        this.skip(depth + 1);
        return;
      case 0x42:
        reader.skip(reader.uint16());
        return;
      case 0x43: // 'C': a class definition, then the value itself
        reader.position--;
        this.#classDefinition();
        this.skip(depth + 1);
        return;
      case 0x44:
      case 0x4a:
      case 0x4c:
        reader.skip(8);
        return;
      case 0x46:
      case 0x4e:
      case 0x54:
      case 0x5b:
      case 0x5c:
        return;
      case 0x48:
        this.#skipUntilEnd(depth);
        return;
      case 0x49:
      case 0x4b:
      case 0x59:
      case 0x5f:
        reader.skip(4);
        return;
      case 0x4d:
      case 0x55:
        this.#type();
        this.#skipUntilEnd(depth);
        return;
      case 0x4f: {
        const index = this.integer() ?? -1;
        this.#skipMany(this.#fieldCounts[index], depth);
        return;
      }
      case 0x51:
        this.skip(depth + 1);
        return;
      case 0x56:
        this.#type();
        this.#skipMany(this.#count(), depth);
        return;
      case 0x57:
        this.#skipUntilEnd(depth);
        return;
      case 0x58:
        this.#skipMany(this.#count(), depth);
        return;
      case 0x5d:
        reader.skip(1);
        return;
      case 0x5e:
        reader.skip(2);
        return;
      default:
        this.#fail();
    }
  }

  #classDefinition(): void {
    this.#reader.skip(1);
    const name = this.text();
    const count = this.#count();
    if (name === undefined || !(count >= 0 && count <= 512) || this.#fieldCounts.length >= 256) {
      this.#fail();
      return;
    }
    for (let i = 0; i < count && !this.failed; i++) this.text();
    this.#fieldCounts.push(count);
    this.#classNames.push(name);
  }

  #count(): number {
    const tag = this.#reader.uint8();
    if (tag >= 0x80 && tag <= 0xbf) return tag - 0x90;
    if (tag >= 0xc0 && tag <= 0xcf) return ((tag - 0xc8) << 8) + this.#reader.uint8();
    if (tag >= 0xd0 && tag <= 0xd7) return ((tag - 0xd4) << 16) + this.#reader.uint16();
    if (tag === 0x49) return this.#reader.int32();
    this.#fail();
    return 0;
  }

  /** A type's name, or the number of an earlier one. */
  #type(): void {
    const tag = this.#peek();
    if (tag <= 0x1f || (tag >= 0x30 && tag <= 0x33) || tag === 0x53) this.text();
    else this.#count();
  }

  #skipMany(count: number | undefined, depth: number): void {
    if (count === undefined || count < 0 || count > MAX_VALUES) {
      this.#fail();
      return;
    }
    for (let i = 0; i < count && !this.failed; i++) this.skip(depth + 1);
  }

  #skipUntilEnd(depth: number): void {
    while (!this.failed && this.#peek() !== 0x5a) this.skip(depth + 1);
    this.#reader.skip(1);
  }

  /** Lengths count UTF-16 units; what is written is UTF-8 of each. */
  #textBody(first: number): string {
    let result = "";
    let tag = first;
    for (;;) {
      let units: number;
      if (tag <= 0x1f) units = tag;
      else if (tag <= 0x33) units = ((tag - 0x30) << 8) | this.#reader.uint8();
      else units = this.#reader.uint16();
      const start = this.#reader.position;
      while (units > 0 && !this.failed) {
        const byte = this.#reader.uint8();
        const more = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        if (more > 0) this.#reader.skip(more);
        units -= more === 3 ? 2 : 1;
      }
      if (this.failed) return "";
      if (result.length < MAX_TEXT) {
        const length = this.#reader.position - start;
        result += new ByteReader(this.#bytes, start).utf8(length).slice(0, MAX_TEXT);
      }
      if (tag !== 0x52) return result;
      tag = this.#reader.uint8();
      if (
        this.failed ||
        ++this.#values > MAX_VALUES ||
        !(tag <= 0x1f || (tag >= 0x30 && tag <= 0x33) || tag === 0x52 || tag === 0x53)
      ) {
        this.#fail();
        return "";
      }
    }
  }

  /** 256 behind the end: no tag. */
  #peek(): number {
    if (this.failed || this.#reader.remaining === 0) {
      this.#fail();
      return 256;
    }
    return this.#bytes[this.#reader.position]!;
  }

  #fail(): void {
    this.#reader.skip(this.#reader.remaining + 1);
  }
}
