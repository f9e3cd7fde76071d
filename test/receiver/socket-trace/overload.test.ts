import assert from "node:assert/strict";
import { Overload } from "../../../src/receiver/socket-trace/overload.ts";

const RING = 1000;
const FULL = { pendingBytes: 500, isFull: true, isSmall: false };

describe("Overload", () => {
  it("pauses when no buffer is left and half of the ring is full", () => {
    const overload = new Overload(RING);
    for (const backlog of [
      { ...FULL, pendingBytes: 499 },
      { ...FULL, isFull: false },
    ]) {
      assert.equal(overload.look(backlog, 1), undefined);
      assert.equal(overload.isPaused, false);
    }
    overload.look(FULL, 2);
    assert.equal(overload.isPaused, true);
  });

  it("goes on when all is decoded that was told before, and says since when it was paused", () => {
    const overload = new Overload(RING);
    overload.look(FULL, 2);
    for (const backlog of [
      FULL,
      { pendingBytes: 0, isFull: false, isSmall: false },
      { pendingBytes: 8, isFull: false, isSmall: true },
    ]) {
      assert.equal(overload.look(backlog, 3), undefined);
      assert.equal(overload.isPaused, true);
    }
    assert.equal(overload.look({ pendingBytes: 0, isFull: false, isSmall: true }, 4), 2);
    assert.equal(overload.isPaused, false);
    assert.equal(overload.look({ pendingBytes: 0, isFull: false, isSmall: true }, 5), undefined, "once");
  });

  it("pauses again when more comes again than is read", () => {
    const overload = new Overload(RING);
    overload.look(FULL, 2);
    overload.look({ pendingBytes: 0, isFull: false, isSmall: true }, 4);
    overload.look(FULL, 6);
    assert.equal(overload.look({ pendingBytes: 0, isFull: false, isSmall: true }, 8), 6);
  });
});
