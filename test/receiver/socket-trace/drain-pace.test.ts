import assert from "node:assert/strict";
import { DrainPace } from "../../../src/receiver/socket-trace/drain-pace.ts";

const RING_BYTES = 1 << 20;

describe("DrainPace", () => {
  it("rests a millisecond under load, and longer and longer where nothing comes", () => {
    const pace = new DrainPace(RING_BYTES);
    assert.equal(pace.next(RING_BYTES / 2), 1);
    const rests = Array.from({ length: 8 }, () => pace.next(0));
    assert.deepEqual(rests, [2, 4, 8, 16, 32, 50, 50, 50]);
    assert.equal(pace.next(1), 20);
    assert.equal(pace.next(RING_BYTES / 2), 1);
  });

  for (const bytesPerMs of [10, 100, 1000, 4000, 100_000]) {
    it(`looks as often as a look is worth it: ${bytesPerMs} bytes a millisecond`, () => {
      const pace = new DrainPace(RING_BYTES);
      let rest = 1;
      for (let i = 0; i < 100; i++) rest = pace.next(bytesPerMs * rest);
      const worth = RING_BYTES / 256 / bytesPerMs;
      assert.ok(Math.abs(rest - Math.min(20, Math.max(1, worth))) <= 1, `${rest} ms, not ${worth}`);
    });
  }

  it("has each empty look told while something may wait for its time, and few of them on an idle host", () => {
    const pace = new DrainPace(RING_BYTES);
    let told = 0;
    for (let i = 0; i < 300; i++) {
      pace.next(0);
      if (pace.isTold) told++;
    }
    assert.equal(told, 300);
    for (let i = 0; i < 1000; i++) pace.next(0);
    const quiet = Array.from({ length: 100 }, () => {
      pace.next(0);
      return pace.isTold;
    });
    assert.equal(quiet.filter(Boolean).length, 20);
    pace.next(10);
    pace.next(0);
    assert.equal(pace.isTold, true);
  });
});
