import assert from "node:assert/strict";
import { lineAt } from "../../../src/receiver/interpreters/cpython-lines.ts";

describe("lineAt", () => {
  // RESUME on the first line; then one line on; then two lines back without columns; then nowhere.
  const table = Uint8Array.from([
    0x80 | (13 << 3),
    0,
    0x80 | (11 << 3) | 1,
    4,
    9,
    0x80 | (13 << 3) | 1,
    5,
    0x80 | (15 << 3),
  ]);

  it("follows the deltas of a location table", () => {
    assert.equal(lineAt(table, 10, 0), 10);
    assert.equal(lineAt(table, 10, 2), 11);
    assert.equal(lineAt(table, 10, 5), 11);
    assert.equal(lineAt(table, 10, 6), 9);
    assert.equal(lineAt(table, 10, 10), 0);
    assert.equal(lineAt(table, 10, 100), 0);
  });

  it("ends in a table that is none", () => {
    assert.equal(lineAt(Uint8Array.from([1, 2, 3]), 10, 0), 0);
    assert.equal(lineAt(new Uint8Array(), 10, 0), 0);
  });
});
