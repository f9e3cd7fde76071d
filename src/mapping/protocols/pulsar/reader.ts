/** Fields of a Pulsar command, and the metadata of a message behind it. */
import { utf8 } from "../../latin1.ts";
import { uint16, uint32 } from "../byte-reader.ts";
import { type ProtobufField, protobufFields } from "../protobuf-fields.ts";

const MAX_TEXT = 512;
const MAX_PROPERTIES = 64;
/** PulsarApi: the magic numbers before a broker's entry and before a checksum. */
const BROKER_ENTRY = 0x0e02;
const CHECKSUM = 0x0e01;

export class PulsarFields {
  readonly type: number;
  readonly #bytes: Uint8Array;
  readonly #fields: readonly ProtobufField[];

  constructor(bytes: Uint8Array, type: number, fields: readonly ProtobufField[]) {
    this.#bytes = bytes;
    this.type = type;
    this.#fields = fields;
  }

  #find(number: number): ProtobufField | undefined {
    return this.#fields.find((field) => field.number === number);
  }

  number(number: number): number | undefined {
    const field = this.#find(number);
    return field?.wireType === 0 ? field.value : undefined;
  }

  /** A number of 64 bits as text. */
  digits(number: number): string | undefined {
    const value = this.number(number);
    return value === undefined ? undefined : String(value);
  }

  text(number: number): string | undefined {
    const field = this.#find(number);
    return field?.wireType === 2
      ? utf8(this.#bytes, field.start, Math.min(field.end, field.start + MAX_TEXT))
      : undefined;
  }

  /** MessageIdData: `ledger:entry:partition`. */
  messageId(number: number): string | undefined {
    const field = this.#find(number);
    const parts = field?.wireType === 2 ? protobufFields(this.#bytes, field.start, field.end) : undefined;
    if (parts === undefined) return undefined;
    const value = (wanted: number): number => parts.find((part) => part.number === wanted)?.value ?? -1;
    // A partition of -1 is a number of 64 bits, all ones.
    const partition = value(3) > 0xffffffff ? -1 : value(3);
    return `${value(1)}:${value(2)}:${partition}`;
  }
}

export function readCommand(bytes: Uint8Array, from: number, end: number): PulsarFields | undefined {
  const outer = protobufFields(bytes, from, end);
  const type = outer?.find(({ number, wireType }) => number === 1 && wireType === 0)?.value;
  const inner = outer?.find(({ number, wireType }) => number === type && wireType === 2);
  const fields = inner === undefined ? undefined : protobufFields(bytes, inner.start, inner.end);
  return type === undefined || fields === undefined ? undefined : new PulsarFields(bytes, type, fields);
}

interface PulsarMetadata {
  readonly batchSize: number | undefined;
  /** Keys in lower case. */
  readonly properties: ReadonlyMap<string, string>;
}

/** MessageMetadata behind a command; undefined where it is cut. */
export function readMetadata(bytes: Uint8Array, from: number, end: number): PulsarMetadata | undefined {
  let at = from;
  if (at + 6 <= end && uint16(bytes, at) === BROKER_ENTRY) at += 6 + uint32(bytes, at + 2);
  if (at + 6 <= end && uint16(bytes, at) === CHECKSUM) at += 6;
  if (at + 4 > end) return undefined;
  const size = uint32(bytes, at);
  if (at + 4 + size > end) return undefined;
  const fields = protobufFields(bytes, at + 4, at + 4 + size);
  if (fields === undefined) return undefined;
  const properties = new Map<string, string>();
  for (const field of fields) {
    if (field.number !== 4 || field.wireType !== 2 || properties.size >= MAX_PROPERTIES) continue;
    const pair = new PulsarFields(bytes, 0, protobufFields(bytes, field.start, field.end) ?? []);
    const key = pair.text(1);
    const value = pair.text(2);
    if (key !== undefined && value !== undefined) properties.set(key.toLowerCase(), value);
  }
  return { batchSize: fields.find(({ number }) => number === 11)?.value, properties };
}
