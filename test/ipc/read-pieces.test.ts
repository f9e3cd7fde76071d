import assert from "node:assert/strict";
import { READ_LIMIT_BYTES } from "../../src/ipc/read-limit.ts";
import { readPieces } from "../../src/ipc/read-pieces.ts";

const FILE = Buffer.from(Array.from({ length: 5 * READ_LIMIT_BYTES + 7 }, (_, i) => i % 251));

function reads(file: Buffer) {
  const sizes: number[] = [];
  return {
    sizes,
    read: (done: number, wanted: number) => {
      sizes.push(wanted);
      return Promise.resolve(file.subarray(done, done + wanted).toString("base64"));
    },
  };
}

describe("readPieces", () => {
  it("reads what is small at once, what is large in pieces", async () => {
    const small = reads(FILE);
    assert.deepEqual(Buffer.from(await readPieces(2, 9, small.read)), FILE.subarray(2, 11));
    assert.deepEqual(small.sizes, [9]);
    const large = reads(FILE);
    assert.ok(FILE.equals(await readPieces(0, FILE.length, large.read)));
    assert.deepEqual(large.sizes, [...Array.from({ length: 5 }, () => READ_LIMIT_BYTES), 7]);
  });

  it("ends with what comes short, wherever that is", async () => {
    for (const there of [
      0,
      1,
      READ_LIMIT_BYTES - 1,
      READ_LIMIT_BYTES,
      2 * READ_LIMIT_BYTES + 5,
      5 * READ_LIMIT_BYTES,
    ]) {
      const file = FILE.subarray(0, there);
      assert.ok(file.equals(await readPieces(0, FILE.length, reads(file).read)), String(there));
    }
  });

  it("is empty without an answer, and for no length", async () => {
    assert.equal((await readPieces(0, FILE.length, () => Promise.resolve(undefined))).length, 0);
    for (const length of [0, -1, Number.NaN]) assert.equal((await readPieces(0, length, reads(FILE).read)).length, 0);
  });

  it("asks for nothing where no file and no memory can be", async () => {
    const asked = reads(FILE);
    for (const offset of [-1, 2 ** 63, Number.NaN, Number.MAX_SAFE_INTEGER]) {
      assert.equal((await readPieces(offset, 16, asked.read)).length, 0);
    }
    assert.deepEqual(asked.sizes, []);
  });
});
