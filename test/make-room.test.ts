import assert from "node:assert/strict";
import { makeRoom, setBounded } from "../src/make-room.ts";

describe("makeRoom", () => {
  it("lets the key leave that was set first, and only where there is no room", () => {
    const map = new Map([
      ["b", 1],
      ["a", 2],
    ]);
    makeRoom(map, 3);
    assert.deepEqual([...map.keys()], ["b", "a"]);
    makeRoom(map, 2);
    assert.deepEqual([...map.keys()], ["a"]);
  });
});

describe("setBounded", () => {
  it("makes room for a new key alone", () => {
    const map = new Map([
      ["b", 1],
      ["a", 2],
    ]);
    setBounded(map, "a", 3, 2);
    assert.deepEqual(
      [...map],
      [
        ["b", 1],
        ["a", 3],
      ],
    );
    setBounded(map, "c", 4, 2);
    assert.deepEqual([...map.keys()], ["a", "c"]);
  });
});
