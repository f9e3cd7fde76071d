import assert from "node:assert/strict";
import { encodeProfilesRequest } from "../../../src/mapping/otlp/profiles/profiles-request.ts";
import type { Frame } from "../../../src/mapping/profile.ts";
import { buildProfiles, type ProfilePeriod } from "../../../src/mapping/profiles/build-profiles.ts";
import { interleaveFrames } from "../../../src/mapping/profiles/interleave-frames.ts";
import { lookupAddress, type StackSample } from "../../../src/mapping/profiles/stack-sample.ts";
import { assertValidProfiles, decodeProfilesRequest } from "../../support/otlp-profiles.ts";
import { makeResource } from "../../support/spans.ts";
import { makeStackSample } from "../../support/stack-samples.ts";

const named = (functionName: string, type = "native"): Frame => ({
  address: 0n,
  mapping: undefined,
  type,
  lines: functionName === "" ? [] : [{ functionName, fileName: undefined, lineNumber: 0 }],
});
const names = (frames: readonly Frame[]) => frames.map(({ lines }) => lines[0]?.functionName);

describe("buildProfiles", () => {
  const resource = makeResource();
  const period: ProfilePeriod = {
    startNs: 1_000_000_000,
    endNs: 2_000_000_000,
    clockOffsetNs: 1_790_000_000_000_000_000n,
    periodNano: 10_309_278,
    resourceOf: () => resource,
  };
  const build = (...samples: StackSample[]) =>
    buildProfiles(
      samples.map((sample) => ({ sample, stack: [named("main")] })),
      period,
    );

  it("makes one profile per resource and kind, with the resource that it was given", () => {
    const profiles = build(
      makeStackSample(),
      makeStackSample({ tgid: 9 }),
      makeStackSample({ kind: "off_cpu", valueNs: 5 }),
    );
    assert.deepEqual(
      profiles.map(({ type, samples }) => [type, samples.length, samples[0]!.value]),
      [
        ["cpu", 2, 1],
        ["off_cpu", 1, 5],
      ],
    );
    for (const profile of profiles) assert.equal(profile.resource, resource);
  });

  it("says what is inferred and what is cut, and which thread, processor and coroutine it was", () => {
    const link = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", isInferred: true };
    const [inferred] = build(makeStackSample({ link, isCut: true, coroutineId: 17 }));
    assert.deepEqual(inferred!.samples[0]!.attributes, [
      ["thread.id", 8],
      ["thread.name", "worker"],
      ["cpu.logical_number", 1],
      ["sockspan.coroutine.id", 17],
      ["sockspan.link.inferred", true],
      ["sockspan.stack.cut", true],
    ]);
    assert.equal(inferred!.samples[0]!.link, link);
    const [said] = build(makeStackSample({ link: { ...link, isInferred: false } }));
    assert.equal(said!.samples[0]!.attributes.length, 3);
  });

  it("says who ended a wait, and what the program says of its thread, which replaces nothing of ours", () => {
    const contextAttributes = [
      ["http.route", "/a"],
      ["thread.name", "forged"],
    ] as const;
    const [waited] = build(
      makeStackSample({ kind: "off_cpu", waker: { tgid: 3, pid: 4, sample: undefined }, contextAttributes }),
    );
    assert.deepEqual(waited!.samples[0]!.attributes, [
      ["thread.id", 8],
      ["thread.name", "worker"],
      ["cpu.logical_number", 1],
      ["http.route", "/a"],
      ["sockspan.waker.process.pid", 3],
      ["sockspan.waker.thread.id", 4],
    ]);
  });

  it("holds every sample within its range, and makes valid requests", () => {
    const profiles = build(
      makeStackSample({ timestampNs: 999_999_990 }),
      makeStackSample({ timestampNs: 2_000_000_500 }),
    );
    const [{ timeUnixNano, durationNano, samples }] = profiles as [(typeof profiles)[0]];
    assert.equal(timeUnixNano, 1_790_000_000_999_999_990n);
    assert.ok(samples.every((s) => s.timeUnixNano >= timeUnixNano && s.timeUnixNano < timeUnixNano + durationNano));
    assertValidProfiles(decodeProfilesRequest(encodeProfilesRequest(profiles)));
  });
});

describe("interleaveFrames", () => {
  const python = (functionName: string, isEntry: boolean) => ({
    functionName,
    fileName: "app.py",
    lineNumber: 3,
    isEntry,
  });
  const stack = (...frames: ReturnType<typeof python>[]) => ({ type: "cpython", loopFunctions: ["eval"], frames });

  it("replaces each run of the loop with the frames that it ran", () => {
    const native = ["read", "eval", "call_method", "eval", "main"].map((name) => named(name));
    const interpreted = stack(python("leaf", false), python("outer", true), python("module", true));
    assert.deepEqual(names(interleaveFrames(native, interpreted)), [
      "read",
      "leaf",
      "outer",
      "call_method",
      "module",
      "main",
    ]);
  });

  it("keeps all of both when the loop is not found, or runs more often than there are frames", () => {
    assert.deepEqual(names(interleaveFrames([named("")], stack(python("a", true)))), [undefined, "a"]);
    assert.deepEqual(names(interleaveFrames([named("eval"), named("eval")], stack(python("a", true)))), ["a", "eval"]);
  });
});

describe("lookupAddress", () => {
  it("is the call before a return address, and the instruction itself at the leaf and below a signal", () => {
    const sample = makeStackSample({ interruptedFrames: [2] });
    assert.deepEqual(
      [0, 1, 2].map((index) => lookupAddress(sample, index)),
      [0x1000n, 0x1fffn, 0x3000n],
    );
  });
});
