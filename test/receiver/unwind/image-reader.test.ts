import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ImageReader } from "../../../src/receiver/unwind/image-reader.ts";
import { ImageTable } from "../../../src/receiver/unwind/image-table.ts";

const FILE = readFileSync(process.execPath);
const MAPPING = {
  start: 0x1000,
  end: 0x2000,
  fileOffset: 0,
  isExecutable: true,
  isWritable: false,
  inode: "08:01 7",
  path: process.execPath,
};

/** A process that is gone after so many reads. */
function source(reads: number) {
  let left = reads;
  return async () => ({
    read: async (offset: number, lengthBytes: number) =>
      left-- > 0 ? FILE.subarray(offset, offset + lengthBytes) : FILE.subarray(0, 0),
  });
}

describe("ImageReader", () => {
  it("remembers nothing of a file whose process went while it was read", async () => {
    const images = new ImageTable({ sizeBytes: 8 << 20, write: () => {} }, () => {});
    const reader = new ImageReader(images, 1 << 20);
    for (let reads = 0; reads < 6; reads++) assert.equal(await reader.find(MAPPING, source(reads)), undefined);
    assert.equal(reader.compiled, 0);
    const image = await reader.find(MAPPING, source(1000));
    assert.ok((image?.rows.count ?? 0) > 1000);
    assert.equal(await reader.find({ ...MAPPING, inode: "08:01 8" }, source(1000)), image, "by its build id");
  });
});
