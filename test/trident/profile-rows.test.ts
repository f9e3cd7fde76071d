import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { HEADER_BYTES } from "../../src/mapping/trident/frame.ts";
import { profilesOf } from "../../src/mapping/trident/profile-rows.ts";
import { eachRecord } from "../../src/mapping/trident/records.ts";
import { type Profile, ProfileSchema } from "../../src/trident/proto/metric.gen.ts";

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
    const row = fixtureRow();
    const other = { ...row, pid: 1 };
    const profiles = profilesOf(
      [row, row, other],
      () => undefined,
      () => resource,
      assert.fail,
    );
    assert.deepEqual(
      profiles.map(({ samples }) => samples.length),
      [2, 1],
    );
    const sample = profiles[0]?.samples[0];
    assert.deepEqual(
      sample?.stack.map(({ type, lines }) => `${type} ${lines[0]?.functionName}`),
      ["kernel do_syscall_64", "native handle", "native main"],
    );
    assert.equal(sample?.value, 17);
    assert.equal(profiles[0]?.type, "cpu");
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
