import type { Frame, FrameLine, MemoryMapping } from "../../profile.ts";
import type { Attribute } from "../../span.ts";
import { writeAnyValue } from "../attributes.ts";
import { ReverseWriter, tag, WireType } from "../reverse-writer.ts";

/**
 * The tables that the profiles of one request share (profiles.proto, ProfilesDictionary). Each begins with its zero
 * entry, each entry is there once, and there is none that nothing points to: entries come by being asked for.
 */
export class ProfilesDictionary {
  readonly #strings = new Table();
  readonly #attributes = new Table();
  readonly #mappings = new Table();
  readonly #functions = new Table();
  readonly #locations = new Table();
  readonly #stacks = new Table();
  readonly #links = new Table();
  /** Samples share their stacks, frames, attributes and mappings: most are known by being the same object. */
  readonly #mappingIndexes = new Map<MemoryMapping, number>();
  readonly #frameIndexes = new Map<Frame, number>();
  readonly #stackIndexes = new Map<readonly Frame[], number>();
  readonly #attributeIndexes = new Map<readonly Attribute[], readonly number[]>();

  string(text: string): number {
    return this.#strings.index(text, (writer) => writer.utf8(text));
  }

  attribute([key, value]: Attribute): number {
    // 1 and 1n are one value.
    const type = typeof value === "bigint" ? "number" : typeof value;
    const keyIndex = this.string(key);
    return this.#attributes.index(`${keyIndex} ${type} ${String(value)}`, (writer) => {
      const start = writer.length;
      writeAnyValue(writer, value);
      writer.prefix(tag(2, WireType.lengthDelimited), start);
      writeInt(writer, 1, keyIndex);
    });
  }

  /** Sorted: the attributes of a sample are a set, and are compared as one. */
  attributes(attributes: readonly Attribute[]): readonly number[] {
    let indexes = this.#attributeIndexes.get(attributes);
    if (indexes === undefined) {
      indexes = attributes.map((attribute) => this.attribute(attribute)).sort((a, b) => a - b);
      this.#attributeIndexes.set(attributes, indexes);
    }
    return indexes;
  }

  link({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }): number {
    return this.#links.index(`${traceId}${spanId}`, (writer) => {
      writeHex(writer, 2, spanId);
      writeHex(writer, 1, traceId);
    });
  }

  stack(frames: readonly Frame[]): number {
    let index = this.#stackIndexes.get(frames);
    if (index === undefined) {
      const locations = frames.map((frame) => this.#location(frame));
      index = this.#stacks.index(locations.join(" "), (writer) => writePackedInts(writer, 1, locations));
      this.#stackIndexes.set(frames, index);
    }
    return index;
  }

  /** Writes the fields of the dictionary, the last one first. */
  write(writer: ReverseWriter): void {
    // In the order of their field numbers, from 1.
    const tables = [
      this.#mappings,
      this.#locations,
      this.#functions,
      this.#links,
      this.#strings,
      this.#attributes,
      this.#stacks,
    ];
    for (let i = tables.length - 1; i >= 0; i--) tables[i]!.write(writer, i + 1);
  }

  #location(frame: Frame): number {
    let index = this.#frameIndexes.get(frame);
    if (index === undefined) {
      index = this.#newLocation(frame);
      this.#frameIndexes.set(frame, index);
    }
    return index;
  }

  #newLocation(frame: Frame): number {
    // The conventions want a build id of every mapping: a file that could not be read has none.
    const mapping = frame.mapping?.attributes.length ? this.#mapping(frame.mapping) : 0;
    const type = this.attribute(["profile.frame.type", frame.type]);
    const lines = frame.lines.map((line) => ({ functionIndex: this.#function(line), lineNumber: line.lineNumber }));
    const key = `${mapping} ${frame.address} ${type} ${lines.map((line) => `${line.functionIndex}:${line.lineNumber}`)}`;
    return this.#locations.index(key, (writer) => {
      writePackedInts(writer, 4, [type]);
      for (const { functionIndex, lineNumber } of lines.toReversed()) {
        const start = writer.length;
        writeInt(writer, 2, lineNumber);
        writeInt(writer, 1, functionIndex);
        writer.prefix(tag(3, WireType.lengthDelimited), start);
      }
      writeBigInt(writer, 2, frame.address);
      writeInt(writer, 1, mapping);
    });
  }

  #function({ functionName, fileName }: FrameLine): number {
    const name = this.string(functionName);
    const file = this.string(fileName ?? "");
    return this.#functions.index(`${name} ${file}`, (writer) => {
      writeInt(writer, 3, file);
      writeInt(writer, 1, name);
    });
  }

  #mapping(mapping: MemoryMapping): number {
    let index = this.#mappingIndexes.get(mapping);
    if (index !== undefined) return index;
    const { memoryStart, memoryLimit, fileOffset } = mapping;
    const file = this.string(mapping.fileName);
    const attributes = this.attributes(mapping.attributes);
    const key = `${memoryStart} ${memoryLimit} ${fileOffset} ${file} ${attributes.join()}`;
    index = this.#mappings.index(key, (writer) => {
      writePackedInts(writer, 5, attributes);
      writeInt(writer, 4, file);
      writeBigInt(writer, 3, fileOffset);
      writeBigInt(writer, 2, memoryLimit);
      writeBigInt(writer, 1, memoryStart);
    });
    this.#mappingIndexes.set(mapping, index);
    return index;
  }
}

/** Entries are encoded once, when they are new. */
class Table {
  readonly #indexes = new Map<string, number>();
  /** Entry 0 is the zero value: empty bytes in protobuf, which Parca wants of the link table too. */
  readonly #entries: Uint8Array[] = [new Uint8Array(0)];

  index(key: string, write: (writer: ReverseWriter) => void): number {
    let index = this.#indexes.get(key);
    if (index !== undefined) return index;
    scratch.clear();
    write(scratch);
    // Whatever is written as nothing is the zero entry: the empty string, the empty stack.
    index = scratch.length === 0 ? 0 : this.#entries.push(scratch.slice()) - 1;
    this.#indexes.set(key, index);
    return index;
  }

  write(writer: ReverseWriter, field: number): void {
    for (const entry of this.#entries.toReversed()) {
      const start = writer.length;
      writer.bytes(entry);
      writer.prefix(tag(field, WireType.lengthDelimited), start);
    }
  }
}

const scratch = new ReverseWriter(4_096);

export function writeInt(writer: ReverseWriter, field: number, value: number): void {
  if (value === 0) return;
  if (value < 0) writer.varint64(BigInt(value));
  else writer.varint(value);
  writer.varint(tag(field, WireType.varint));
}

export function writeBigInt(writer: ReverseWriter, field: number, value: bigint): void {
  if (value === 0n) return;
  writer.varint64(value);
  writer.varint(tag(field, WireType.varint));
}

export function writePackedInts(writer: ReverseWriter, field: number, values: readonly number[]): void {
  if (values.length === 0) return;
  const start = writer.length;
  for (let i = values.length - 1; i >= 0; i--) writer.varint(values[i]!);
  writer.prefix(tag(field, WireType.lengthDelimited), start);
}

function writeHex(writer: ReverseWriter, field: number, digits: string): void {
  const start = writer.length;
  writer.hex(digits);
  writer.prefix(tag(field, WireType.lengthDelimited), start);
}
