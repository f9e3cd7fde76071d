import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { encodeProfileRow } from "../../../../src/mapping/trident/rows/profile-row.ts";
import { profilesOf } from "../../../../src/mapping/trident/rows/profile-rows.ts";
import { profileToRows } from "../../../../src/mapping/trident/rows/profile-to-rows.ts";
import { HEADER_BYTES } from "../../../../src/mapping/trident/wire/frame.ts";
import { eachRecord } from "../../../../src/mapping/trident/wire/records.ts";
import { type Profile, ProfileSchema } from "../../../../src/trident/proto/metric.gen.ts";

function fixtureRow(): Profile {
  let row: Profile | undefined;
  eachRecord(readFileSync("test/fixtures/trident/frame-profile-raw.bin").subarray(HEADER_BYTES), (bytes) => {
    row = fromBinary(ProfileSchema, bytes);
  });
  assert.ok(row);
  return row;
}

describe("profile rows", () => {
  const resource = { attributes: [] };

  it("unfold into stacks, the leaf first, one profile per process", () => {
    const row = { ...fixtureRow(), sampleRate: 100, wideCount: 30_000n };
    const other = { ...row, pid: 1, wideCount: 10_000n };
    const profiles = profilesOf(
      [row, row, other],
      () => undefined,
      () => resource,
      assert.fail,
    );
    assert.deepEqual(
      profiles.map(({ samples }) => samples.length),
      [6, 1],
      "microseconds make samples",
    );
    const sample = profiles[0]?.samples[0];
    assert.deepEqual(
      sample?.stack.map(({ type, lines }) => `${type} ${lines[0]?.functionName}`),
      ["kernel do_syscall_64", "native handle", "native main"],
    );
    assert.equal(sample?.value, 1);
    assert.equal(profiles[0]?.periodNano, 10_000_000);
    assert.equal(profiles[0]?.type, "cpu");
  });

  it("keep the time that was spent off the CPU", () => {
    const row = { ...fixtureRow(), eventType: 2, wideCount: 1500n };
    const [profile] = profilesOf(
      [row],
      () => undefined,
      () => resource,
      assert.fail,
    );
    assert.equal(profile?.type, "off_cpu");
    assert.deepEqual(
      profile?.samples.map(({ value }) => value),
      [1_500_000],
    );
  });

  it("are made of profiles: each stack of a thread once, with its time", () => {
    const fixture = profilesOf(
      [{ ...fixtureRow(), sampleRate: 100, wideCount: 30_000n }],
      () => undefined,
      () => ({
        attributes: [
          ["service.name", "shop"],
          ["process.pid", 7],
        ],
      }),
      assert.fail,
    );
    const [row, ...rest] = profileToRows(fixture[0]!);
    assert.equal(rest.length, 0);
    assert.equal(row?.stack, "[p] shop;main;handle;[k] do_syscall_64");
    assert.equal(row?.count, 30_000);
    assert.equal(row?.sampleRateHz, 100);
    assert.equal(row?.processId, 7);
    const again = profilesOf(
      [fromBinary(ProfileSchema, encodeProfileRow(row!))],
      () => undefined,
      () => fixture[0]!.resource,
      assert.fail,
    );
    assert.deepEqual(again, fixture);
  });

  it("counts what no profile can be made of", () => {
    const row = fixtureRow();
    const lost: string[] = [];
    const rows = [
      { ...row, eventType: 3 },
      { ...row, dataCompressed: true },
    ];
    assert.deepEqual(
      profilesOf(
        rows,
        () => undefined,
        () => resource,
        (reason) => lost.push(reason),
      ),
      [],
    );
    assert.deepEqual(lost, ["no_such_profile", "stack_unreadable"]);
  });
});
