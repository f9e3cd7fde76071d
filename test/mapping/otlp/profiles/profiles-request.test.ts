import assert from "node:assert/strict";
import fc from "fast-check";
import { profilesRequestJson } from "../../../../src/mapping/otlp/profiles/profiles-json.ts";
import { encodeProfilesRequest } from "../../../../src/mapping/otlp/profiles/profiles-request.ts";
import type { Frame, MemoryMapping, Profile, ProfileSample } from "../../../../src/mapping/profile.ts";
import { assertValidProfiles, decodeProfilesRequest, profilesRequestOfJson } from "../../../support/otlp-profiles.ts";
import { makeResource } from "../../../support/spans.ts";

const time = 1_790_000_000_000_000_000n;
const node: MemoryMapping = {
  memoryStart: 0x400000n,
  memoryLimit: 0x900000n,
  fileOffset: 0n,
  fileName: "/usr/bin/node",
  attributes: [["process.executable.build_id.htlhash", "0123456789abcdef0123456789abcdef"]],
};
const frame = (functionName: string, mapping: MemoryMapping | undefined): Frame => ({
  address: BigInt(functionName.length),
  mapping,
  type: mapping === undefined ? "kernel" : "native",
  lines: functionName === "" ? [] : [{ functionName, fileName: "a.cc", lineNumber: 7 }],
});
const makeSample = (change: Partial<ProfileSample> = {}): ProfileSample => ({
  timeUnixNano: time + 5n,
  stack: [frame("read", undefined), frame("main", node)],
  attributes: [
    ["thread.id", 7],
    ["thread.name", "worker"],
  ],
  link: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" },
  value: 1,
  ...change,
});
const makeProfile = (change: Partial<Profile> = {}): Profile => ({
  type: "cpu",
  resource: makeResource(),
  timeUnixNano: time,
  durationNano: 1_000_000_000n,
  periodNano: 10_309_278,
  samples: [makeSample()],
  ...change,
});

describe("profilesRequestJson", () => {
  it("says what the protobuf form says", () => {
    const profiles = [
      makeProfile({ samples: [makeSample(), makeSample({ link: undefined, timeUnixNano: time + 8n })] }),
      makeProfile({ type: "off_cpu", samples: [77, 2 ** 28, 2 ** 40 + 1].map((value) => makeSample({ value })) }),
    ];
    const json = profilesRequestJson(profiles);
    assert.ok(!json.includes("\n"));
    assert.match(json, /"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"/);
    assert.match(json, /"timeUnixNano":"1790000000000000000","durationNano":"1000000000"/);
    const read = profilesRequestOfJson(json);
    assertValidProfiles(read);
    assert.deepEqual(read, decodeProfilesRequest(encodeProfilesRequest(profiles)));
    assert.equal(profilesRequestJson([]), "");
  });
});

describe("encodeProfilesRequest", () => {
  it("writes samples/count with the period cpu/nanoseconds, stacks from the leaf, and the link to the span", () => {
    const request = decodeProfilesRequest(encodeProfilesRequest([makeProfile()]));
    assertValidProfiles(request);
    const { dictionary: tables, resourceProfiles } = request;
    const profile = resourceProfiles[0]!.scopeProfiles[0]!.profiles[0]!;
    const text = (index: number) => tables.stringTable[index];
    assert.deepEqual(
      [profile.sampleType, profile.periodType].map((type) => [text(type!.typeStrindex), text(type!.unitStrindex)]),
      [
        ["samples", "count"],
        ["cpu", "nanoseconds"],
      ],
    );
    assert.deepEqual([profile.period, profile.durationNano], ["10309278", "1000000000"]);
    const [sample] = profile.samples;
    assert.deepEqual(sample!.values, []);
    assert.deepEqual(sample!.timestampsUnixNano, [String(time + 5n)]);
    assert.deepEqual(tables.linkTable[sample!.linkIndex], {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
    });
    const locations = tables.stackTable[sample!.stackIndex]!.locationIndices.map(
      (index) => tables.locationTable[index]!,
    );
    assert.deepEqual(
      locations.map(({ lines, mappingIndex }) => [
        text(tables.functionTable[lines[0]!.functionIndex]!.nameStrindex),
        lines[0]!.line,
        text(tables.mappingTable[mappingIndex]!.filenameStrindex),
      ]),
      [
        ["read", "7", ""],
        ["main", "7", "/usr/bin/node"],
      ],
    );
    const attributes = sample!.attributeIndices.map((index) => tables.attributeTable[index]!);
    assert.deepEqual(
      attributes.map(({ keyStrindex, value }) => [text(keyStrindex), value]),
      [
        ["thread.id", { intValue: "7" }],
        ["thread.name", { stringValue: "worker" }],
      ],
    );
  });

  it("joins samples that differ in their time only", () => {
    const samples = [makeSample(), makeSample({ timeUnixNano: time + 9n }), makeSample({ link: undefined })];
    const request = decodeProfilesRequest(encodeProfilesRequest([makeProfile({ samples })]));
    assertValidProfiles(request);
    const written = request.resourceProfiles[0]!.scopeProfiles[0]!.profiles[0]!.samples;
    assert.deepEqual(
      written.map((sample) => [sample.timestampsUnixNano.length, sample.linkIndex]),
      [
        [2, 1],
        [1, 0],
      ],
    );
  });

  it("writes off_cpu/nanoseconds with values and an empty period type", () => {
    const profile = makeProfile({ type: "off_cpu", samples: [makeSample({ value: 1_234 })] });
    const request = decodeProfilesRequest(encodeProfilesRequest([profile]));
    assertValidProfiles(request);
    const written = request.resourceProfiles[0]!.scopeProfiles[0]!.profiles[0]!;
    assert.equal(request.dictionary.stringTable[written.sampleType!.typeStrindex], "off_cpu");
    assert.deepEqual(written.periodType, { typeStrindex: 0, unitStrindex: 0 });
    assert.equal(written.period, "0");
    assert.deepEqual(written.samples[0]!.values, ["1234"]);
  });

  it("keeps times within the profile", () => {
    const samples = [makeSample({ timeUnixNano: 0n }), makeSample({ timeUnixNano: time + 1_000_000_000n })];
    assertValidProfiles(decodeProfilesRequest(encodeProfilesRequest([makeProfile({ samples })])));
  });

  it("is empty without samples", () => {
    assert.equal(encodeProfilesRequest([makeProfile({ samples: [] })]).length, 0);
  });

  it("is valid for any samples", () => {
    const mappings = [node, { ...node }, { ...node, fileName: "libc.so.6" }, undefined];
    const anyFrame = fc
      .tuple(fc.constantFrom("", "a", "b", "\ud800"), fc.constantFrom(...mappings))
      .map(([name, mapping]) => frame(name, mapping));
    const anySample = fc
      .record({
        timeUnixNano: fc.bigInt({ min: time - 5n, max: time + 2_000_000_000n }),
        stack: fc.array(anyFrame, { maxLength: 5 }),
        attributes: fc.constantFrom(
          [],
          [["thread.id", 1]] as const,
          [["thread.id", 1n]] as const,
          [["x", ""]] as const,
        ),
        link: fc.constantFrom(undefined, makeSample().link),
      })
      .map((change) => makeSample(change));
    const anyProfile = fc
      .record({
        type: fc.constantFrom("cpu" as const, "off_cpu" as const),
        samples: fc.array(anySample, { maxLength: 9 }),
      })
      .map((change) => makeProfile(change));
    fc.assert(
      fc.property(fc.array(anyProfile, { maxLength: 3 }), (profiles) => {
        const bytes = encodeProfilesRequest(profiles);
        if (bytes.length > 0) assertValidProfiles(decodeProfilesRequest(bytes));
      }),
    );
  });
});
