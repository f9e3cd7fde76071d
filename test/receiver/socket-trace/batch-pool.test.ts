import assert from "node:assert/strict";
import { BatchPool } from "../../../src/receiver/socket-trace/batch-pool.ts";

describe("BatchPool", () => {
  it("makes more buffers for a burst, up to its bound, and lets them go afterwards", () => {
    const pool = new BatchPool(64, 2, 4);
    const taken = [pool.take(), pool.take(), pool.take(), pool.take()];
    assert.ok(taken.every((buffer) => buffer?.byteLength === 64));
    assert.equal(pool.hasRoom, false);
    assert.equal(pool.lentCount, 4);
    assert.equal(pool.take(), undefined);
    for (const buffer of taken) pool.giveBack(buffer!);
    assert.equal(pool.lentCount, 0);
    const kept = [pool.take(), pool.take()];
    assert.ok(
      kept.every((buffer) => taken.includes(buffer)),
      "two are kept",
    );
    assert.ok(!taken.includes(pool.take()), "the others were let go");
  });
});
