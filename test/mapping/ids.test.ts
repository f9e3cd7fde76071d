import assert from "node:assert/strict";
import { clientSpanId, exchangeId, hash32, serverSpanId, traceIdOf } from "../../src/mapping/ids.ts";

describe("exchange ids", () => {
  it("stay what they are: other hosts compute the same", () => {
    const id = exchangeId(0xdeadbeef, 0x12345678, 0x1_0000_0010, 0);
    assert.deepEqual([clientSpanId(id), serverSpanId(id), traceIdOf(id)], GOLDEN);
  });

  it("differ with every part, and between the two ends", () => {
    const seen = new Set<string>();
    let count = 0;
    for (const sender of [0, 1, 2, 0xffffffff]) {
      for (const receiver of [0, 1, 2, 0x80000000]) {
        for (const offset of [0, 1, 0xffffffff, 0x100000000, 0x100000001, 2 ** 52]) {
          for (const salt of [0, 1, 17]) {
            const id = exchangeId(sender, receiver, offset, salt);
            for (const text of [
              clientSpanId(id),
              serverSpanId(id),
              traceIdOf(id).slice(0, 16),
              traceIdOf(id).slice(16),
            ]) {
              seen.add(text);
              count++;
            }
          }
        }
      }
    }
    assert.equal(seen.size, count);
  });

  it("change half of their bits with each bit of the input", () => {
    const bits = (text: string): bigint => BigInt(`0x${text}`);
    for (let bit = 0; bit < 32; bit++) {
      let changed = 0;
      for (let sample = 0; sample < 64; sample++) {
        const left = clientSpanId(exchangeId(sample * 7919, sample * 104_729, sample, 0));
        const right = clientSpanId(exchangeId((sample * 7919) ^ (1 << bit), sample * 104_729, sample, 0));
        changed += [...(bits(left) ^ bits(right)).toString(2)].filter((digit) => digit === "1").length;
      }
      assert.ok(changed / 64 > 28 && changed / 64 < 36, `bit ${bit}: ${changed / 64}`);
    }
  });

  it("hash payloads of every length", () => {
    const hashes = Array.from({ length: 500 }, (_, length) => hash32(new Uint8Array(length)));
    assert.equal(new Set(hashes).size, 500);
  });
});

const GOLDEN = ["6ba9ead47a80d8fc", "f4449c591ff86615", "010757c5d0df0c20f7267d154c595769"];
