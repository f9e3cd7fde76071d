import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { DEMO_RECORDING } from "../../../src/service/demo/demo-recording.ts";
import { Scratch } from "../../support/scratch.ts";

const sockspan = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, ["build/src/main.js", ...words], { encoding: "utf8" });

describe("sockspan explain --recording", () => {
  let scratch: Scratch;
  let recording: string;
  before(async () => {
    scratch = await Scratch.create();
    recording = scratch.path("events");
    writeFileSync(recording, `${DEMO_RECORDING.join("\n")}\n`);
  });
  after(() => scratch.cleanUp());

  it("says of each span of a trace why it has its parent", () => {
    const [line = ""] = sockspan("replay", recording).stdout.split("\n");
    const [, traceId = ""] = /"traceId":"([0-9a-f]{32})"/.exec(line) ?? [];
    const { status, stdout, stderr } = sockspan("explain", traceId, "--recording", recording, "--format", "json");
    assert.equal(status, 0, stderr);
    const spans = stdout
      .trimEnd()
      .split("\n")
      .map((each) => JSON.parse(each));
    assert.equal(spans.length, 4, "curl, both sides of nginx, node");
    assert.ok(spans.every((span) => span.traceId === traceId));
    assert.deepEqual(spans.filter(({ evidence }) => evidence === "exchange").length, 2);
    assert.match(sockspan("explain", traceId, "--recording", recording).stdout, /exchange/);
  });

  it("fails for a trace that the recording does not hold", () => {
    const { status, stdout, stderr } = sockspan("explain", "1".repeat(32), "--recording", recording);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /TRACE_UNKNOWN/);
  });
});
