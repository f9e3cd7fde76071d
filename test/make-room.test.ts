import assert from "node:assert/strict";
import { makeRoom } from "../src/make-room.ts";

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
