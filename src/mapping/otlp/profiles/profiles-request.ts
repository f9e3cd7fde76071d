/** Profiles to OTLP: one request, one dictionary. */
import type { Profile, ProfileSample } from "../../profile.ts";
import { SEMCONV_SCHEMA_URL } from "../../semconv.ts";
import type { Resource } from "../../span.ts";
import { writeAttributes } from "../attributes.ts";
import { ReverseWriter, tag, WireType } from "../reverse-writer.ts";
import { SCOPE_NAME, SCOPE_VERSION } from "../scope.ts";
import { ProfilesDictionary, writeBigInt, writeInt, writePackedInts } from "./dictionary.ts";

const delimited = (field: number) => tag(field, WireType.lengthDelimited);

/** An ExportProfilesServiceRequest of the layout 1.10 and later (profiles/v1development). Empty without samples. */
export function encodeProfilesRequest(profiles: readonly Profile[]): Uint8Array {
  const dictionary = new ProfilesDictionary();
  const groups = new Map<Resource, IndexedProfile[]>();
  for (const profile of profiles) {
    // Parca refuses a profile that has none.
    if (profile.samples.length === 0) continue;
    const group = groups.get(profile.resource) ?? [];
    groups.set(profile.resource, group);
    group.push(indexProfile(profile, dictionary));
  }
  if (groups.size === 0) return new Uint8Array(0);
  const writer = new ReverseWriter();
  dictionary.write(writer);
  writer.prefix(delimited(2), 0);
  for (const [resource, group] of [...groups].reverse()) {
    const start = writer.length;
    writeResourceProfiles(writer, resource, group);
    writer.prefix(delimited(1), start);
  }
  return writer.slice();
}

interface ValueType {
  readonly type: number;
  readonly unit: number;
}

/** Samples with the same stack, attributes and link are one, with all their times. */
interface IndexedSample {
  readonly stack: number;
  readonly attributes: readonly number[];
  readonly link: number;
  readonly values: number[];
  readonly times: bigint[];
}

interface IndexedProfile {
  readonly profile: Profile;
  readonly sampleType: ValueType;
  readonly periodType: ValueType;
  readonly samples: readonly IndexedSample[];
}

function indexProfile(profile: Profile, dictionary: ProfilesDictionary): IndexedProfile {
  const valueType = (type: string, unit: string): ValueType => ({
    type: dictionary.string(type),
    unit: dictionary.string(unit),
  });
  const isCpu = profile.type === "cpu";
  const samples = new Map<string, IndexedSample>();
  for (const sample of profile.samples) addSample(samples, sample, profile, dictionary);
  return {
    profile,
    sampleType: isCpu ? valueType("samples", "count") : valueType("off_cpu", "nanoseconds"),
    periodType: isCpu ? valueType("cpu", "nanoseconds") : { type: 0, unit: 0 },
    samples: [...samples.values()],
  };
}

function addSample(
  samples: Map<string, IndexedSample>,
  sample: ProfileSample,
  profile: Profile,
  dictionary: ProfilesDictionary,
): void {
  const stack = dictionary.stack(sample.stack);
  const attributes = dictionary.attributes(sample.attributes);
  const link = sample.link === undefined ? 0 : dictionary.link(sample.link);
  const key = `${stack} ${link} ${attributes.join(",")}`;
  let indexed = samples.get(key);
  if (indexed === undefined) {
    indexed = { stack, attributes, link, values: [], times: [] };
    samples.set(key, indexed);
  }
  indexed.times.push(withinProfile(sample.timeUnixNano, profile));
  // A sample of CPU time counts one, which its time alone says.
  if (profile.type === "off_cpu") indexed.values.push(sample.value);
}

/** Clocks are read at different places; a time outside of the profile makes servers refuse all of it. */
function withinProfile(timeUnixNano: bigint, { timeUnixNano: start, durationNano }: Profile): bigint {
  const last = start + durationNano - 1n;
  if (timeUnixNano < start) return start;
  return timeUnixNano > last ? last : timeUnixNano;
}

function writeResourceProfiles(writer: ReverseWriter, resource: Resource, group: readonly IndexedProfile[]): void {
  writeText(writer, 3, SEMCONV_SCHEMA_URL);
  const scopeProfiles = writer.length;
  writeText(writer, 3, SEMCONV_SCHEMA_URL);
  for (const profile of group.toReversed()) {
    const start = writer.length;
    writeProfile(writer, profile);
    writer.prefix(delimited(2), start);
  }
  const scope = writer.length;
  writeText(writer, 2, SCOPE_VERSION);
  writeText(writer, 1, SCOPE_NAME);
  writer.prefix(delimited(1), scope);
  writer.prefix(delimited(2), scopeProfiles);
  const start = writer.length;
  writeAttributes(writer, delimited(1), resource.attributes);
  writer.prefix(delimited(1), start);
}

function writeProfile(writer: ReverseWriter, { profile, sampleType, periodType, samples }: IndexedProfile): void {
  if (profile.type === "cpu") writeInt(writer, 6, profile.periodNano);
  // Written when it is empty too: Parca wants it to be there.
  writeValueType(writer, 5, periodType);
  writeBigInt(writer, 4, profile.durationNano);
  writer.fixed64(profile.timeUnixNano);
  writer.byte(tag(3, WireType.fixed64));
  for (let i = samples.length - 1; i >= 0; i--) {
    const start = writer.length;
    writeSample(writer, samples[i]!);
    writer.prefix(delimited(2), start);
  }
  writeValueType(writer, 1, sampleType);
}

function writeSample(writer: ReverseWriter, { stack, attributes, link, values, times }: IndexedSample): void {
  const start = writer.length;
  for (let i = times.length - 1; i >= 0; i--) writer.fixed64(times[i]!);
  writer.prefix(delimited(5), start);
  writePackedInts(writer, 4, values);
  writeInt(writer, 3, link);
  writePackedInts(writer, 2, attributes);
  writeInt(writer, 1, stack);
}

function writeValueType(writer: ReverseWriter, field: number, { type, unit }: ValueType): void {
  const start = writer.length;
  writeInt(writer, 2, unit);
  writeInt(writer, 1, type);
  writer.prefix(delimited(field), start);
}

function writeText(writer: ReverseWriter, field: number, text: string): void {
  const start = writer.length;
  writer.utf8(text);
  writer.prefix(delimited(field), start);
}
