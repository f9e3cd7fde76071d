/**
 * Profiles as one file for `go tool pprof` and whatever else reads google/pprof's profile.proto, before its gzip.
 * Samples of all processes are in it; the labels tell them apart.
 */
import { ReverseWriter, tag, WireType } from "../otlp/reverse-writer.ts";
import type { Frame, MemoryMapping, Profile, ProfileSample } from "../profile.ts";
import type { AttributeValue } from "../span.ts";

const delimited = (field: number) => tag(field, WireType.lengthDelimited);

/** profile.proto: Profile. */
const PROFILE_FIELD = {
  sampleType: delimited(1),
  sample: delimited(2),
  mapping: delimited(3),
  location: delimited(4),
  function: delimited(5),
  stringTable: delimited(6),
  timeNanos: 9,
  durationNanos: 10,
  periodType: delimited(11),
  period: 12,
  defaultSampleType: 14,
} as const;

interface Label {
  readonly key: string;
  readonly value: string | number;
}

interface Folded {
  readonly locations: readonly number[];
  readonly labels: readonly Label[];
  count: number;
  value: number;
}

/** @param profiles all of one type; empty bytes without samples */
export function encodePprof(profiles: readonly Profile[]): Uint8Array {
  const [first] = profiles;
  if (first === undefined) return new Uint8Array(0);
  return new PprofWriter(profiles, first).write();
}

class PprofWriter {
  readonly #profiles: readonly Profile[];
  readonly #first: Profile;
  readonly #strings = new Map<string, number>([["", 0]]);
  readonly #functions = new Map<string, { id: number; name: number; file: number }>();
  readonly #mappings = new Map<MemoryMapping, { id: number; hasFunctions: boolean }>();
  readonly #locations = new Map<string, { id: number; frame: Frame }>();
  /** Samples share their frames. */
  readonly #frameIds = new Map<Frame, number>();
  readonly #samples = new Map<string, Folded>();

  constructor(profiles: readonly Profile[], first: Profile) {
    this.#profiles = profiles;
    this.#first = first;
  }

  write(): Uint8Array {
    for (const profile of this.#profiles) for (const sample of profile.samples) this.#fold(profile, sample);
    const isCpu = this.#first.type === "cpu";
    // The index of what viewers show: all strings must be known before the table is written.
    const sampleTypes = isCpu
      ? [this.#valueType("samples", "count"), this.#valueType("cpu", "nanoseconds")]
      : [this.#valueType("contentions", "count"), this.#valueType("off_cpu", "nanoseconds")];
    const writer = new ReverseWriter();
    writeInt(writer, PROFILE_FIELD.defaultSampleType, sampleTypes[1]!.type);
    writeInt(writer, PROFILE_FIELD.period, isCpu ? this.#first.periodNano : 1);
    writeValueType(writer, PROFILE_FIELD.periodType, sampleTypes[1]!);
    const start = minimum(this.#profiles.map(({ timeUnixNano }) => timeUnixNano));
    const end = -minimum(this.#profiles.map(({ timeUnixNano, durationNano }) => -(timeUnixNano + durationNano)));
    writeBigInt(writer, PROFILE_FIELD.durationNanos, end - start);
    writeBigInt(writer, PROFILE_FIELD.timeNanos, start);
    const body = new ReverseWriter();
    this.#writeTables(body, isCpu);
    // Tables first add their strings; the string table follows them in the file as it has to.
    for (const text of [...this.#strings.keys()].reverse()) {
      const mark = writer.length;
      writer.utf8(text);
      writer.prefix(PROFILE_FIELD.stringTable, mark);
    }
    writer.bytes(body.slice());
    for (const type of sampleTypes.toReversed()) writeValueType(writer, PROFILE_FIELD.sampleType, type);
    return writer.slice();
  }

  #writeTables(writer: ReverseWriter, isCpu: boolean): void {
    const locations = [...this.#locations.values()].reverse();
    const encoded = locations.map(({ id, frame }) => ({
      id,
      frame,
      lines: frame.lines.map((line) => this.#function(line)),
    }));
    for (const { id, name, file } of [...this.#functions.values()].reverse()) {
      const mark = writer.length;
      writeInt(writer, 4, file);
      writeInt(writer, 3, name);
      writeInt(writer, 2, name);
      writeInt(writer, 1, id);
      writer.prefix(PROFILE_FIELD.function, mark);
    }
    for (const { id, frame, lines } of encoded) {
      const mark = writer.length;
      for (let i = lines.length - 1; i >= 0; i--) {
        const lineMark = writer.length;
        writeInt(writer, 2, frame.lines[i]!.lineNumber);
        writeInt(writer, 1, lines[i]!);
        writer.prefix(delimited(4), lineMark);
      }
      writeBigInt(writer, 3, frame.address);
      writeInt(writer, 2, frame.mapping === undefined ? 0 : this.#mappings.get(frame.mapping)!.id);
      writeInt(writer, 1, id);
      writer.prefix(PROFILE_FIELD.location, mark);
    }
    for (const [mapping, { id, hasFunctions }] of [...this.#mappings].reverse()) {
      const mark = writer.length;
      if (hasFunctions) writeInt(writer, 7, 1);
      const buildId = mapping.attributes.find(([key]) => key.endsWith(".gnu") || key.endsWith(".go"))?.[1];
      writeInt(writer, 6, this.#string(String(buildId ?? "")));
      writeInt(writer, 5, this.#string(mapping.fileName));
      writeBigInt(writer, 4, mapping.fileOffset);
      writeBigInt(writer, 3, mapping.memoryLimit);
      writeBigInt(writer, 2, mapping.memoryStart);
      writeInt(writer, 1, id);
      writer.prefix(PROFILE_FIELD.mapping, mark);
    }
    for (const folded of [...this.#samples.values()].reverse()) this.#writeSample(writer, folded, isCpu);
  }

  #writeSample(writer: ReverseWriter, { locations, labels, count, value }: Folded, isCpu: boolean): void {
    const mark = writer.length;
    for (const { key, value: label } of labels.toReversed()) {
      const labelMark = writer.length;
      if (typeof label === "number") writeInt(writer, 3, label);
      else writeInt(writer, 2, this.#string(label));
      writeInt(writer, 1, this.#string(key));
      writer.prefix(delimited(3), labelMark);
    }
    writePacked(writer, 2, [count, isCpu ? count * this.#first.periodNano : value]);
    writePacked(writer, 1, locations);
    writer.prefix(PROFILE_FIELD.sample, mark);
  }

  #fold(profile: Profile, sample: ProfileSample): void {
    const locations = sample.stack.map((frame) => this.#location(frame));
    const labels = labelsOf(profile, sample);
    const key = `${locations.join(" ")}|${labels.map(({ key: name, value }) => `${name}=${value}`).join("|")}`;
    const folded = this.#samples.get(key);
    if (folded === undefined) this.#samples.set(key, { locations, labels, count: 1, value: sample.value });
    else {
      folded.count++;
      folded.value += sample.value;
    }
  }

  #location(frame: Frame): number {
    let id = this.#frameIds.get(frame);
    if (id === undefined) {
      id = this.#newLocation(frame);
      this.#frameIds.set(frame, id);
    }
    return id;
  }

  #newLocation(frame: Frame): number {
    const mapping = frame.mapping === undefined ? 0 : this.#mapping(frame.mapping, frame.lines.length > 0);
    const lines = frame.lines.map(
      ({ functionName, fileName, lineNumber }) => `${functionName}\0${fileName}\0${lineNumber}`,
    );
    const key = `${mapping} ${frame.address} ${lines.join("\0")}`;
    let location = this.#locations.get(key);
    if (location === undefined) {
      location = { id: this.#locations.size + 1, frame };
      this.#locations.set(key, location);
    }
    return location.id;
  }

  #mapping(mapping: MemoryMapping, hasFunctions: boolean): number {
    let known = this.#mappings.get(mapping);
    if (known === undefined) {
      known = { id: this.#mappings.size + 1, hasFunctions };
      this.#mappings.set(mapping, known);
    }
    known.hasFunctions ||= hasFunctions;
    return known.id;
  }

  #function({ functionName, fileName }: Frame["lines"][number]): number {
    const key = `${functionName}\0${fileName ?? ""}`;
    let known = this.#functions.get(key);
    if (known === undefined) {
      known = { id: this.#functions.size + 1, name: this.#string(functionName), file: this.#string(fileName ?? "") };
      this.#functions.set(key, known);
    }
    return known.id;
  }

  #valueType(type: string, unit: string): { type: number; unit: number } {
    return { type: this.#string(type), unit: this.#string(unit) };
  }

  #string(text: string): number {
    let index = this.#strings.get(text);
    if (index === undefined) {
      index = this.#strings.size;
      this.#strings.set(text, index);
    }
    return index;
  }
}

/** pprof's own names where it has any (thread), ours elsewhere. Processor and coroutine would tear samples apart. */
function labelsOf({ resource }: Profile, { attributes, link }: ProfileSample): Label[] {
  const labels: Label[] = [];
  const add = (key: string, value: AttributeValue | undefined) => {
    if (typeof value === "string" && value !== "") labels.push({ key, value });
    else if (typeof value === "number" && value > 0) labels.push({ key, value });
  };
  const find = (list: readonly (readonly [string, AttributeValue])[], name: string) =>
    list.find(([key]) => key === name)?.[1];
  add("service.name", find(resource.attributes, "service.name"));
  add("process.pid", find(resource.attributes, "process.pid"));
  add("thread.id", find(attributes, "thread.id"));
  add("thread.name", find(attributes, "thread.name"));
  add("trace_id", link?.traceId);
  add("span_id", link?.spanId);
  return labels;
}

function minimum(values: readonly bigint[]): bigint {
  return values.reduce((least, value) => (value < least ? value : least));
}

function writeValueType(writer: ReverseWriter, fieldTag: number, { type, unit }: { type: number; unit: number }): void {
  const mark = writer.length;
  writeInt(writer, 2, unit);
  writeInt(writer, 1, type);
  writer.prefix(fieldTag, mark);
}

function writeInt(writer: ReverseWriter, field: number, value: number): void {
  if (value === 0) return;
  writer.varint(value);
  writer.varint(tag(field, WireType.varint));
}

function writeBigInt(writer: ReverseWriter, field: number, value: bigint): void {
  if (value === 0n) return;
  writer.varint64(value);
  writer.varint(tag(field, WireType.varint));
}

function writePacked(writer: ReverseWriter, field: number, values: readonly number[]): void {
  const mark = writer.length;
  for (let i = values.length - 1; i >= 0; i--) writer.varint(values[i]!);
  writer.prefix(delimited(field), mark);
}
