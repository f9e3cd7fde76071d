import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, watch, writeFileSync } from "node:fs";
import { ReadyFile } from "../../src/commands/ready-file.ts";
import { ReadyFileError, UsageError } from "../../src/service/error.ts";
import { eventually } from "../support/eventually.ts";
import { Scratch } from "../support/scratch.ts";

describe("ready file", () => {
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("of an earlier run goes at the start, and comes when it is made", () => {
    const path = scratch.path("ready");
    writeFileSync(path, "1\n");
    const file = ReadyFile.prepare(path);
    assert.equal(existsSync(path), false);
    file?.make();
    assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
    file?.make();
    assert.equal(ReadyFile.prepare(undefined), undefined);
  });

  it("is not there for a moment before it is made: who waits for it would believe it", async () => {
    const seen: (string | null)[] = [];
    const watcher = watch(scratch.folder, { persistent: false }, (_, name) => seen.push(name));
    const file = ReadyFile.prepare(scratch.path("ready"));
    writeFileSync(scratch.path("end"), "");
    await eventually(() => seen.includes("end"));
    assert.ok(!seen.includes("ready"), "at the start");
    file?.make();
    await eventually(() => seen.includes("ready"));
    watcher.close();
    assert.deepEqual(readdirSync(scratch.folder).sort(), ["end", "ready"]);
  });

  it("is refused where none can be made, and nothing that is no file is taken away", () => {
    const link = scratch.path("link");
    symlinkSync("/dev/null", link);
    for (const path of [scratch.folder, scratch.path("no/folder"), "/dev/null", link]) {
      assert.throws(() => ReadyFile.prepare(path), UsageError);
    }
    for (const path of [scratch.folder, "/dev/null", link]) assert.ok(existsSync(path));
  });

  it("says when it can't be made any more", () => {
    mkdirSync(scratch.path("folder"));
    const file = ReadyFile.prepare(scratch.path("folder/ready"));
    rmSync(scratch.path("folder"), { recursive: true });
    assert.throws(() => file?.make(), ReadyFileError);
  });
});
