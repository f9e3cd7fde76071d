import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readElf, sectionNamed } from "../../../src/receiver/elf/elf-file.ts";
import { DebugLines } from "../../../src/receiver/symbols/debug-lines.ts";
import { Scratch } from "../../support/scratch.ts";
import { skip } from "../../support/skip.ts";
import { compile } from "../debug-info/programs.ts";
import { has } from "./programs.ts";

describe("DebugLines", function () {
  this.timeout(60_000);
  let scratch: Scratch;
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  it("opens a file once for looks that follow each other, and again when the broker may have closed it", async function () {
    if (!has("g++")) skip(this, "there is no g++");
    const file = readFileSync(compile(scratch, "g++", ["-gz"]));
    let [nowMs, opened, read] = [0, 0, 0];
    const lines = new DebugLines(() => nowMs);
    const open = async () => {
      opened++;
      return await readElf({
        read: (offset, lengthBytes) => {
          read++;
          return Promise.resolve(file.subarray(offset, offset + lengthBytes));
        },
      });
    };
    const start = sectionNamed((await open())!, ".text")!.address;
    const find = async (address: number) => {
      const found = await lines.find("a", open, [address], nowMs + 5000);
      assert.ok(found.has(address));
    };
    opened = 0;
    await find(start);
    const readOnce = read;
    for (let i = 1; i < 40; i++) {
      nowMs += 100;
      await find(start + i);
    }
    assert.equal(opened, 1);
    assert.equal(read, readOnce, "what is inflated is not read again");
    nowMs = 20_000;
    lines.tidy();
    await find(start);
    assert.equal(opened, 1, "what is known needs no file");
    await find(start + 100);
    assert.equal(opened, 2);
  });
});
