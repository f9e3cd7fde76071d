/** AMQP 1.0 values (OASIS AMQP 1.0, part 1): what a constructor says of the bytes behind it. */
import { latin1, utf8 } from "../../latin1.ts";
import { ByteReader } from "../byte-reader.ts";

export type AmqpValue = string | number | boolean | undefined | AmqpList | AmqpDescribed;

/** A list or map that was not gone into. */
interface AmqpList {
  readonly isMap: boolean;
  readonly count: number;
  readonly start: number;
  readonly end: number;
}

export interface AmqpDescribed {
  readonly descriptor: number | string | undefined;
  readonly value: AmqpValue;
}

const MAX_TEXT = 512;

export class AmqpReader {
  readonly #bytes: Uint8Array;
  readonly #reader: ByteReader;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#reader = new ByteReader(bytes, start, end);
  }

  get position(): number {
    return this.#reader.position;
  }

  get remaining(): number {
    return this.#reader.remaining;
  }

  get failed(): boolean {
    return this.#reader.failed;
  }

  /** The next value. Lists and maps are stepped over, as far as they are there. */
  value(depth = 0): AmqpValue {
    const reader = this.#reader;
    const code = reader.uint8();
    switch (code) {
      case 0x00: {
        // Descriptions may be described again; nobody does it deeply.
        if (depth > 4) {
          reader.skip(reader.remaining + 1);
          return undefined;
        }
        const descriptor = this.value(depth + 1);
        const value = this.value(depth + 1);
        const isPlain = typeof descriptor === "number" || typeof descriptor === "string";
        return { descriptor: isPlain ? descriptor : undefined, value };
      }
      case 0x40:
        return undefined;
      case 0x41:
      case 0x42:
        return code === 0x41;
      case 0x43:
      case 0x44:
        return 0;
      case 0x56:
        return reader.uint8() !== 0;
      case 0x50:
      case 0x52:
      case 0x53:
        return reader.uint8();
      case 0x51:
      case 0x54:
      case 0x55:
        return (reader.uint8() << 24) >> 24;
      case 0x60:
        return reader.uint16();
      case 0x61:
        return reader.int16();
      case 0x70:
        return reader.uint32();
      case 0x71:
        return reader.int32();
      case 0x80:
        return reader.uint64();
      case 0x81:
        return Number(reader.bigint64());
      case 0x45:
        return { isMap: false, count: 0, start: this.position, end: this.position };
      case 0xa1:
        return this.#text(reader.uint8(), utf8);
      case 0xb1:
        return this.#text(reader.uint32(), utf8);
      case 0xa3:
        return this.#text(reader.uint8(), latin1);
      case 0xb3:
        return this.#text(reader.uint32(), latin1);
      case 0x98:
        return this.#uuid();
      case 0xc0:
      case 0xc1:
        return this.#list(reader.uint8(), 1, code === 0xc1);
      case 0xd0:
      case 0xd1:
        return this.#list(reader.uint32(), 4, code === 0xd1);
      default:
        this.#skip(code);
        return undefined;
    }
  }

  /** Fields of a list, or keys and values of a map. */
  items(list: AmqpList, limit: number): AmqpValue[] {
    const inner = new AmqpReader(this.#bytes, list.start, list.end);
    const values: AmqpValue[] = [];
    for (let i = 0; i < list.count && i < limit && inner.remaining > 0; i++) {
      const value = inner.value();
      if (inner.failed) break;
      values.push(value);
    }
    return values;
  }

  #text(length: number, decode: (bytes: Uint8Array, from: number, to: number) => string): string | undefined {
    const at = this.#reader.take(length);
    return at < 0 ? undefined : decode(this.#bytes, at, at + Math.min(length, MAX_TEXT));
  }

  #uuid(): string | undefined {
    const at = this.#reader.take(16);
    if (at < 0) return undefined;
    const hex = Buffer.from(this.#bytes.subarray(at, at + 16)).toString("hex");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  #list(size: number, width: number, isMap: boolean): AmqpList | undefined {
    const reader = this.#reader;
    const from = reader.position;
    const count = width === 1 ? reader.uint8() : reader.uint32();
    if (reader.failed || size < width) {
      reader.skip(reader.remaining + 1);
      return undefined;
    }
    const start = reader.position;
    const end = from + size;
    reader.skip(Math.min(end - start, reader.remaining));
    return { isMap, count, start, end: Math.min(end, reader.position) };
  }

  /** Fixed widths by the first half of the code; the rest says its length. */
  #skip(code: number): void {
    const reader = this.#reader;
    const kind = code >> 4;
    if (kind === 0xa || kind === 0xe) reader.skip(reader.uint8());
    else if (kind === 0xb || kind === 0xf) reader.skip(reader.uint32());
    else if (kind >= 5 && kind <= 9) reader.skip(1 << (kind - 5));
    else if (kind !== 4) reader.skip(reader.remaining + 1);
  }
}

export function asList(value: AmqpValue): AmqpList | undefined {
  return typeof value === "object" && "start" in value ? value : undefined;
}

export function asDescribed(value: AmqpValue): AmqpDescribed | undefined {
  return typeof value === "object" && "descriptor" in value ? value : undefined;
}

export function asText(value: AmqpValue): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function asNumber(value: AmqpValue): number | undefined {
  return typeof value === "number" ? value : undefined;
}
