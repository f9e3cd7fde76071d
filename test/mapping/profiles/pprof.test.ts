import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { Profile as PprofProfile } from "pprof-format";
import { encodePprof } from "../../../src/mapping/profiles/pprof.ts";
import { makeFrame, makeProfile, makeProfileSample, nodeMapping, profileTime } from "../../support/profiles.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";

describe("encodePprof", () => {
  const other = { ...nodeMapping, fileName: "/lib/libc.so.6" };
  const samples = [
    makeProfileSample(),
    makeProfileSample({ timeUnixNano: profileTime + 9n }),
    makeProfileSample({ link: undefined, stack: [makeFrame("", other), makeFrame("main")] }),
  ];

  it("folds equal stacks, and is read back by another library", () => {
    const read = PprofProfile.decode(encodePprof([makeProfile({ samples })]));
    const text = (index: number | bigint) => read.stringTable.strings[Number(index)];
    assert.deepEqual(
      read.sampleType.map(({ type, unit }) => [text(type), text(unit)]),
      [
        ["samples", "count"],
        ["cpu", "nanoseconds"],
      ],
    );
    assert.deepEqual([text(read.periodType!.type), Number(read.period)], ["cpu", 10_309_278]);
    assert.deepEqual([BigInt(read.timeNanos), Number(read.durationNanos)], [profileTime, 1_000_000_000]);
    assert.deepEqual(
      read.sample.map(({ value }) => value.map(Number)),
      [
        [2, 20_618_556],
        [1, 10_309_278],
      ],
    );
    const functions = new Map(read.function.map((each) => [Number(each.id), text(each.name)]));
    const locations = new Map(read.location.map((each) => [Number(each.id), each]));
    const stack = read.sample[0]!.locationId.map((id) =>
      functions.get(Number(locations.get(Number(id))!.line[0]!.functionId)),
    );
    assert.deepEqual(stack, ["read", "work", "main"]);
    const labels = new Map(
      read.sample[0]!.label.map(({ key, str, num }) => [text(key), Number(str) === 0 ? Number(num) : text(str)]),
    );
    assert.deepEqual(
      [labels.get("thread.id"), labels.get("thread.name"), labels.get("span_id")],
      [7, "worker", "b7ad6b7169203331"],
    );
    assert.deepEqual(
      read.mapping.map(({ filename }) => text(filename)),
      ["/usr/bin/node", "/lib/libc.so.6"],
    );
  });

  it("counts nanoseconds off the CPU", () => {
    const profile = makeProfile({
      type: "off_cpu",
      samples: [makeProfileSample({ value: 5 }), makeProfileSample({ value: 7 })],
    });
    const read = PprofProfile.decode(encodePprof([profile]));
    assert.deepEqual(read.sample[0]!.value.map(Number), [2, 12]);
  });

  it("is opened by go tool pprof", async function () {
    this.timeout(60_000);
    const scratch = await Scratch.create();
    try {
      const path = scratch.path("cpu.pb.gz");
      writeFileSync(path, gzipSync(encodePprof([makeProfile({ samples })])));
      // Since Go 1.25 the tool is built when it is first used.
      const result = spawnSync("go", ["tool", "pprof", "-top", path], { encoding: "utf8", timeout: 50_000 });
      if (result.error !== undefined) skip(this, `go tool pprof: ${result.error.message}`);
      const top = result.stdout;
      assert.match(top, /Type: cpu/);
      assert.match(top, /Total samples = 30\.93ms/);
      assert.match(top, /20\.62ms 66\.67% .* read/);
    } finally {
      await scratch.cleanUp();
    }
  });
});
