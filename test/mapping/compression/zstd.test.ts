import assert from "node:assert/strict";
import { compress } from "@bokuweb/zstd-wasm";
import fc from "fast-check";
import { unpackZstd } from "../../../src/mapping/compression/zstd.ts";
import { prepareCompression } from "../../../src/trident/compression.ts";

const WORDS = ["find", "orders", "customer", "{", "}", '"name":', "4711", " ", "\0", "lsid", "$db"];

describe("Zstandard", () => {
  before(() => prepareCompression());

  it("unpacks what the reference packs, whole or in part", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 3000 }),
          fc
            .array(fc.constantFrom(...WORDS), { maxLength: 4000, size: "max" })
            .map((words) => Buffer.from(words.join(""))),
        ),
        fc.constantFrom(1, 3, 9, 19),
        fc.nat(5000),
        (plain, level, limit) => {
          const packed = compress(Buffer.from(plain), level);
          assert.deepEqual(Buffer.from(unpackZstd(packed, plain.length + 1)!), Buffer.from(plain));
          const part = unpackZstd(packed, limit)!;
          assert.deepEqual(Buffer.from(part), Buffer.from(plain.subarray(0, limit)));
        },
      ),
      { numRuns: 150 },
    );
  });

  it("says of damaged frames that they are, or something bounded", () => {
    const packed = compress(Buffer.from(WORDS.join(" ").repeat(40)), 3);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(packed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (damages) => {
          const bytes = Uint8Array.from(packed);
          for (const [at, byte] of damages) bytes[at] = byte;
          const found = unpackZstd(bytes, 1000);
          assert.ok(found === undefined || found.length <= 1000);
        },
      ),
      { numRuns: 500 },
    );
  });
});
