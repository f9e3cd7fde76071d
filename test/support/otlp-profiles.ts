import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";
import { hexIds } from "./otlp-messages.ts";

/** The OTLP profiles messages, from proto/opentelemetry, with every default filled in. */
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => fileURLToPath(new URL(`../../../proto/${target}`, import.meta.url));
root.loadSync("opentelemetry/proto/collector/profiles/v1development/profiles_service.proto");
const requestType = root.lookupType(
  "opentelemetry.proto.collector.profiles.v1development.ExportProfilesServiceRequest",
);

const responseType = root.lookupType(
  "opentelemetry.proto.collector.profiles.v1development.ExportProfilesServiceResponse",
);

export interface OtlpSample {
  readonly stackIndex: number;
  readonly attributeIndices: readonly number[];
  readonly linkIndex: number;
  readonly values: readonly string[];
  readonly timestampsUnixNano: readonly string[];
}

export interface OtlpProfile {
  readonly sampleType: { readonly typeStrindex: number; readonly unitStrindex: number } | null;
  readonly periodType: { readonly typeStrindex: number; readonly unitStrindex: number } | null;
  readonly period: string;
  readonly timeUnixNano: string;
  readonly durationNano: string;
  readonly samples: readonly OtlpSample[];
  readonly attributeIndices: readonly number[];
}

export interface OtlpDictionary {
  readonly mappingTable: readonly { filenameStrindex: number; attributeIndices: readonly number[] }[];
  readonly locationTable: readonly {
    mappingIndex: number;
    address: string;
    lines: readonly { functionIndex: number; line: string }[];
    attributeIndices: readonly number[];
  }[];
  readonly functionTable: readonly { nameStrindex: number; filenameStrindex: number }[];
  readonly linkTable: readonly { traceId: string; spanId: string }[];
  readonly stringTable: readonly string[];
  readonly attributeTable: readonly {
    keyStrindex: number;
    value: Record<string, unknown> | null;
    unitStrindex: number;
  }[];
  readonly stackTable: readonly { locationIndices: readonly number[] }[];
}

export interface OtlpProfilesRequest {
  readonly dictionary: OtlpDictionary;
  readonly resourceProfiles: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: Record<string, unknown> }[] } | null;
    readonly schemaUrl: string;
    readonly scopeProfiles: readonly { readonly profiles: readonly OtlpProfile[] }[];
  }[];
}

export function decodeProfilesRequest(bytes: Uint8Array): OtlpProfilesRequest {
  const message = requestType.decode(bytes);
  const object = requestType.toObject(message, { longs: String, defaults: true, arrays: true });
  return hexIds(object) as OtlpProfilesRequest;
}

export function encodeProfilesResponse(rejectedProfiles: number): Buffer {
  const partialSuccess = { rejectedProfiles, errorMessage: "told to reject" };
  return Buffer.from(
    responseType.encode(responseType.fromObject(rejectedProfiles === 0 ? {} : { partialSuccess })).finish(),
  );
}

/** By the protos: names that they do not have are errors. */
export function profilesRequestOfJson(text: string): OtlpProfilesRequest {
  const object = base64Ids(JSON.parse(text)) as Record<string, unknown>;
  assertKnownNames(object, requestType);
  return decodeProfilesRequest(requestType.encode(requestType.fromObject(object)).finish());
}

/** OTLP's JSON has ids in hex where protobuf's has base64. */
function base64Ids(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((each) => base64Ids(each));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, base64Ids(each, name)]));
  }
  return typeof value === "string" && /^(?:trace|span|profile)Id$/.test(key)
    ? Buffer.from(value, "hex").toString("base64")
    : value;
}

function assertKnownNames(object: Record<string, unknown>, type: protobuf.Type): void {
  for (const [name, value] of Object.entries(object)) {
    const field = type.fields[name];
    assert.ok(field !== undefined, `${type.name} has no field ${name}`);
    const inner = field.resolve().resolvedType;
    if (!(inner instanceof protobuf.Type)) continue;
    for (const each of Array.isArray(value) ? value : [value]) assertKnownNames(each as Record<string, unknown>, inner);
  }
}

/**
 * What servers check before they take a request: Parca's validator (zero entry first in every table, an empty link
 * table entry, a period type, ids of full length, times within the profile), and the rules of profiles.proto on
 * dictionaries: indexes in range, no entry twice, none that nothing points to.
 */
export function assertValidProfiles({ dictionary, resourceProfiles }: OtlpProfilesRequest): void {
  const zero: Readonly<Record<keyof OtlpDictionary, unknown>> = {
    mappingTable: { memoryStart: "0", memoryLimit: "0", fileOffset: "0", filenameStrindex: 0, attributeIndices: [] },
    locationTable: { mappingIndex: 0, address: "0", lines: [], attributeIndices: [] },
    functionTable: { nameStrindex: 0, systemNameStrindex: 0, filenameStrindex: 0, startLine: "0" },
    linkTable: { traceId: "", spanId: "" },
    stringTable: "",
    attributeTable: { keyStrindex: 0, value: null, unitStrindex: 0 },
    stackTable: { locationIndices: [] },
  };
  const used = new Map<keyof OtlpDictionary, Set<number>>();
  const use = (table: keyof OtlpDictionary, ...indexes: readonly number[]): void => {
    for (const index of indexes) {
      assert.ok(index >= 0 && index < dictionary[table].length, `${table}[${index}]`);
      used.set(table, (used.get(table) ?? new Set([0])).add(index));
    }
  };

  for (const { resource } of resourceProfiles) {
    // Pyroscope has no other name for a profile.
    assert.ok(resource?.attributes.some(({ key, value }) => key === "service.name" && value["stringValue"] !== ""));
  }
  const text = (index: number) => dictionary.stringTable[index];
  for (const profile of resourceProfiles.flatMap((group) => group.scopeProfiles.flatMap((scope) => scope.profiles))) {
    assertPyroscopeType(profile, text);
    assert.ok(profile.sampleType !== null && profile.periodType !== null);
    for (const type of [profile.sampleType, profile.periodType])
      use("stringTable", type.typeStrindex, type.unitStrindex);
    assert.ok(profile.samples.length > 0, "a profile without samples");
    assertValidSamples(profile);
    for (const sample of profile.samples) {
      use("stackTable", sample.stackIndex);
      use("linkTable", sample.linkIndex);
      use("attributeTable", ...sample.attributeIndices);
    }
  }
  for (const stack of dictionary.stackTable) use("locationTable", ...stack.locationIndices);
  for (const location of dictionary.locationTable) {
    use("mappingTable", location.mappingIndex);
    use("functionTable", ...location.lines.map((line) => line.functionIndex));
    use("attributeTable", ...location.attributeIndices);
  }
  for (const [index, mapping] of dictionary.mappingTable.entries()) {
    const keys = mapping.attributeIndices.map((each) => text(dictionary.attributeTable[each]?.keyStrindex ?? 0) ?? "");
    const hasBuildId = keys.some((key) => /^process\.executable\.build_id\.(?:gnu|go|htlhash)$/.test(key));
    assert.ok(index === 0 || hasBuildId, "a mapping without a build id");
    use("stringTable", mapping.filenameStrindex);
    use("attributeTable", ...mapping.attributeIndices);
  }
  for (const { nameStrindex, filenameStrindex } of dictionary.functionTable) {
    use("stringTable", nameStrindex, filenameStrindex);
  }
  for (const { keyStrindex, unitStrindex } of dictionary.attributeTable) use("stringTable", keyStrindex, unitStrindex);

  for (const [name, zeroEntry] of Object.entries(zero) as [keyof OtlpDictionary, unknown][]) {
    const table = dictionary[name];
    assert.deepEqual(table[0], zeroEntry, `${name}[0]`);
    assert.equal(new Set(table.map((entry) => JSON.stringify(entry))).size, table.length, `${name} has an entry twice`);
    assert.equal(used.get(name)?.size ?? 1, table.length, `${name} has an entry that nothing points to`);
  }
  for (const { traceId, spanId } of dictionary.linkTable.slice(1)) {
    assert.match(traceId, /^[0-9a-f]{32}$/);
    assert.match(spanId, /^[0-9a-f]{16}$/);
  }
  for (const { keyStrindex, value } of dictionary.attributeTable.slice(1)) {
    assert.notEqual(dictionary.stringTable[keyStrindex], "");
    assert.notEqual(value, null);
  }
}

/** Pyroscope knows two kinds of ours: CPU by samples and their period, and nanoseconds off the CPU without one. */
function assertPyroscopeType(profile: OtlpProfile, text: (index: number) => string | undefined): void {
  const name = (type: OtlpProfile["sampleType"]) => `${text(type!.typeStrindex)}/${text(type!.unitStrindex)}`;
  const kind = `${name(profile.sampleType)} ${name(profile.periodType)}`;
  assert.ok(["samples/count cpu/nanoseconds", "off_cpu/nanoseconds /"].includes(kind), kind);
  assert.equal(BigInt(profile.period) > 0n, kind.startsWith("samples"));
}

function assertValidSamples({ samples, timeUnixNano, durationNano }: OtlpProfile): void {
  const start = BigInt(timeUnixNano);
  const end = start + BigInt(durationNano);
  const identities = new Set<string>();
  for (const { values, timestampsUnixNano, stackIndex, attributeIndices, linkIndex } of samples) {
    assert.ok(values.length + timestampsUnixNano.length > 0);
    if (values.length > 0 && timestampsUnixNano.length > 0) assert.equal(values.length, timestampsUnixNano.length);
    for (const time of timestampsUnixNano)
      assert.ok(BigInt(time) >= start && BigInt(time) < end, "time within the profile");
    identities.add(JSON.stringify([stackIndex, [...attributeIndices].sort(), linkIndex]));
  }
  assert.equal(identities.size, samples.length, "the same sample twice");
  assert.equal(new Set(samples.map(({ values }) => values.length > 0)).size, 1, "samples of one shape");
}
