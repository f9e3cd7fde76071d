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

  it("opens a file once for as long as it is asked of, and again when it was closed meanwhile", async function () {
    if (!has("g++")) skip(this, "there is no g++");
    const file = readFileSync(compile(scratch, "g++", ["-gz"]));
    let [nowMs, opened, isClosed] = [0, 0, false];
    const reads: number[] = [];
    const lines = new DebugLines(() => nowMs);
    const open = async () => {
      opened++;
      isClosed = false;
      return await readElf({
        read: (offset, lengthBytes) => {
          reads.push(lengthBytes);
          return Promise.resolve(isClosed ? new Uint8Array(0) : file.subarray(offset, offset + lengthBytes));
        },
      });
    };
    const start = sectionNamed((await open())!, ".text")!.address;
    const find = async (address: number) => {
      reads.length = 0;
      const found = await lines.find("a", open, [address], nowMs + 5000);
      assert.ok(found.has(address));
    };
    opened = 0;
    await find(start);
    assert.ok(reads.length > 5);
    for (let i = 1; i < 40; i++) {
      nowMs += 1000;
      await find(start + i);
      assert.ok(reads.length === 0 || (reads.length === 1 && reads[0] === 1), "what is inflated is not read again");
    }
    assert.equal(opened, 1);
    isClosed = true;
    nowMs += 10_000;
    await find(start);
    assert.equal(opened, 1, "what is known needs no file");
    await find(start + 100);
    assert.equal(opened, 2);
    nowMs += 20_000;
    lines.tidy();
    await find(start + 101);
    assert.equal(opened, 3, "nobody asked meanwhile");
  });

  it("keeps no file open whose inflated sections are above the budget", async function () {
    if (!has("g++")) skip(this, "there is no g++");
    const file = readFileSync(compile(scratch, "g++", ["-gz"]));
    let opened = 0;
    const lines = new DebugLines(() => 0, 1024);
    const open = async () => {
      opened++;
      return await readElf({
        read: (offset, lengthBytes) => Promise.resolve(file.subarray(offset, offset + lengthBytes)),
      });
    };
    const start = sectionNamed((await open())!, ".text")!.address;
    opened = 0;
    // The first look inflates what says where the units are.
    for (const address of [start, start + 1]) assert.ok((await lines.find("a", open, [address], 5000)).has(address));
    assert.equal(opened, 2);
  });
});
