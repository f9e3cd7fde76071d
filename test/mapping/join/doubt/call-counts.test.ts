import assert from "node:assert/strict";
import { CallCounts } from "../../../../src/mapping/join/doubt/call-counts.ts";

describe("counts of calls", () => {
  it("count each destination for itself", () => {
    const counts = new CallCounts();
    for (const destination of ["a", "b", "a"]) counts.add(destination);
    assert.deepEqual(
      ["a", "b", "c"].map((destination) => counts.of(destination)),
      [2, 1, 0],
    );
    assert.equal(counts.isFull, false);
  });

  it("go on for what they know when they are full, and take nothing new", () => {
    const counts = new CallCounts();
    for (let index = 0; index < 300; index++) counts.add(`d${index}`);
    counts.add("d0");
    assert.equal(counts.isFull, true);
    assert.equal(counts.of("d0"), 2);
    assert.equal(counts.of("d299"), 0);
  });
});
