import assert from "node:assert/strict";
import { ChunkStore } from "../../../src/mapping/otlp/chunk-store.ts";

describe("ChunkStore", () => {
  it("keeps each chunk as it was, across blocks, until it is cleared", () => {
    const store = new ChunkStore();
    const chunks = Array.from({ length: 300 }, (_, index) => new Uint8Array(30_000 + index).fill(index));
    const kept = chunks.map((chunk) => store.keep(chunk));
    for (const [index, chunk] of kept.entries()) assert.deepEqual(chunk, chunks[index]);
    store.clear();
    assert.deepEqual(store.keep(chunks[7]!), chunks[7]);
  });

  it("keeps a giant by itself, and a copy of what is lent", () => {
    const store = new ChunkStore();
    const giant = new Uint8Array(600_000).fill(9);
    const lent = new Uint8Array([1, 2, 3]);
    const [keptGiant, kept] = [store.keep(giant), store.keep(lent)];
    giant.fill(0);
    lent.fill(0);
    assert.ok(keptGiant.every((byte) => byte === 9));
    assert.deepEqual(kept, new Uint8Array([1, 2, 3]));
  });
});
