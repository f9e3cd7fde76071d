/**
 * An ExportProfilesServiceRequest in OTLP's JSON, on one line (OTLP specification, "JSON Protobuf Encoding"), made of its
 * protobuf bytes: so that the two forms say the same. Ids in hex, 64-bit integers as strings, zero values left out.
 */
import type { Profile } from "../../profile.ts";
import { readFields, type WireField } from "../wire-reader.ts";
import { encodeProfilesRequest } from "./profiles-request.ts";

/** How a field is written; a message is the table of its own fields. */
type Kind = "string" | "int32" | "int64" | "fixed64" | "bool" | "double" | "hex" | Message;

interface Field {
  readonly name: string;
  readonly kind: Kind;
  readonly isRepeated?: boolean;
}

interface Message {
  readonly [number: number]: Field;
}

const one = (name: string, kind: Kind): Field => ({ name, kind });
const many = (name: string, kind: Kind): Field => ({ name, kind, isRepeated: true });

/** common.proto, resource.proto, profiles.proto. */
const anyValue: { [number: number]: Field } = {
  1: one("stringValue", "string"),
  2: one("boolValue", "bool"),
  3: one("intValue", "int64"),
  4: one("doubleValue", "double"),
};
anyValue[5] = one("arrayValue", { 1: many("values", anyValue) });
const keyValue: Message = { 1: one("key", "string"), 2: one("value", anyValue) };
const resource: Message = { 1: many("attributes", keyValue) };
const scope: Message = { 1: one("name", "string"), 2: one("version", "string") };
const valueType: Message = { 1: one("typeStrindex", "int32"), 2: one("unitStrindex", "int32") };
const sample: Message = {
  1: one("stackIndex", "int32"),
  2: many("attributeIndices", "int32"),
  3: one("linkIndex", "int32"),
  4: many("values", "int64"),
  5: many("timestampsUnixNano", "fixed64"),
};
const profile: Message = {
  1: one("sampleType", valueType),
  2: many("samples", sample),
  3: one("timeUnixNano", "fixed64"),
  4: one("durationNano", "int64"),
  5: one("periodType", valueType),
  6: one("period", "int64"),
  7: one("profileId", "hex"),
};
const scopeProfiles: Message = { 1: one("scope", scope), 2: many("profiles", profile), 3: one("schemaUrl", "string") };
const resourceProfiles: Message = {
  1: one("resource", resource),
  2: many("scopeProfiles", scopeProfiles),
  3: one("schemaUrl", "string"),
};
const mapping: Message = {
  1: one("memoryStart", "int64"),
  2: one("memoryLimit", "int64"),
  3: one("fileOffset", "int64"),
  4: one("filenameStrindex", "int32"),
  5: many("attributeIndices", "int32"),
};
const line: Message = { 1: one("functionIndex", "int32"), 2: one("line", "int64") };
const location: Message = {
  1: one("mappingIndex", "int32"),
  2: one("address", "int64"),
  3: many("lines", line),
  4: many("attributeIndices", "int32"),
};
const functionFields: Message = { 1: one("nameStrindex", "int32"), 3: one("filenameStrindex", "int32") };
const link: Message = { 1: one("traceId", "hex"), 2: one("spanId", "hex") };
const keyValueAndUnit: Message = {
  1: one("keyStrindex", "int32"),
  2: one("value", anyValue),
  3: one("unitStrindex", "int32"),
};
const dictionary: Message = {
  1: many("mappingTable", mapping),
  2: many("locationTable", location),
  3: many("functionTable", functionFields),
  4: many("linkTable", link),
  5: many("stringTable", "string"),
  6: many("attributeTable", keyValueAndUnit),
  7: many("stackTable", { 1: many("locationIndices", "int32") }),
};
const request: Message = { 1: many("resourceProfiles", resourceProfiles), 2: one("dictionary", dictionary) };

/** "" without samples. */
export function profilesRequestJson(profiles: readonly Profile[]): string {
  const bytes = encodeProfilesRequest(profiles);
  return bytes.length === 0 ? "" : messageJson(bytes, request);
}

function messageJson(bytes: Uint8Array, fields: Message): string {
  const values = new Map<Field, string[]>();
  for (const wire of readFields(bytes)) {
    const field = fields[wire.field];
    if (field === undefined) continue;
    const texts = valuesOf(wire, bytes, field);
    const known = values.get(field);
    if (known === undefined) values.set(field, texts);
    else for (const text of texts) known.push(text);
  }
  const members = [...values].map(([{ name, isRepeated }, texts]) =>
    isRepeated ? `"${name}":[${texts.join(",")}]` : `"${name}":${texts.at(-1)}`,
  );
  return `{${members.join(",")}}`;
}

function valuesOf(wire: WireField, message: Uint8Array, { kind, isRepeated }: Field): string[] {
  if (typeof kind === "object") return [messageJson(wire.bytes, kind)];
  switch (kind) {
    case "string":
      return [JSON.stringify(decoder.decode(wire.bytes))];
    case "hex":
      return [`"${Array.from(wire.bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}"`];
    case "bool":
      return [String(wire.value !== 0n)];
    case "double":
      return [doubleJson(viewOf(message).getFloat64(wire.end - 8, true))];
    case "fixed64":
      return isRepeated ? packedFixed(wire.bytes) : [`"${viewOf(message).getBigUint64(wire.end - 8, true)}"`];
    default:
      return isRepeated ? packedVarints(wire.bytes, kind) : [integerJson(wire.value, kind)];
  }
}

function integerJson(value: bigint, kind: "int32" | "int64"): string {
  return kind === "int32" ? String(BigInt.asIntN(32, value)) : `"${BigInt.asIntN(64, value)}"`;
}

function packedVarints(bytes: Uint8Array, kind: "int32" | "int64"): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    let value = 0;
    let scale = 1;
    const start = at;
    while (at < bytes.length && bytes[at]! >= 0x80) {
      value += (bytes[at++]! & 0x7f) * scale;
      scale *= 128;
    }
    if (at >= bytes.length) break;
    value += bytes[at++]! * scale;
    // 28 bits: neither negative nor above what a double holds. Indexes are no longer.
    if (at - start <= 4) texts.push(kind === "int32" ? String(value) : `"${value}"`);
    else texts.push(integerJson(bigVarint(bytes.subarray(start, at)), kind));
  }
  return texts;
}

function bigVarint(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 7n) | BigInt(byte & 0x7f), 0n);
}

function packedFixed(bytes: Uint8Array): string[] {
  const view = viewOf(bytes);
  return Array.from({ length: bytes.length >> 3 }, (_, index) => `"${view.getBigUint64(index * 8, true)}"`);
}

function doubleJson(value: number): string {
  return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const decoder = new TextDecoder();
