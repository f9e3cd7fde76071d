import assert from "node:assert/strict";
import { forEachRecord, recordSpan } from "../../../src/bpf/ring-records.ts";
import { partEnd } from "../../../src/receiver/socket-trace/batch-part.ts";

describe("partEnd", () => {
  it("cuts a batch between its records, and gives each of them once", () => {
    const lengths = Array.from({ length: 500 }, (_, index) => 1 + ((index * 7919) % 900));
    const view = new DataView(new ArrayBuffer(lengths.reduce((sum, length) => sum + recordSpan(length), 0)));
    let at = 0;
    for (const length of lengths) {
      view.setUint32(at, length, true);
      at += recordSpan(length);
    }
    const given: number[] = [];
    const parts: number[] = [];
    for (let start = 0; start < at; ) {
      const end = partEnd(view, start, at, true);
      forEachRecord(new DataView(view.buffer, start, end - start), end - start, (_, length) => given.push(length));
      parts.push(end - start);
      start = end;
    }
    assert.deepEqual(given, lengths);
    assert.ok(parts.length > 5);
  });

  it("gives a record that is larger than a part alone", () => {
    const view = new DataView(new ArrayBuffer(2 * recordSpan(40_000)));
    view.setUint32(0, 40_000, true);
    view.setUint32(recordSpan(40_000), 40_000, true);
    assert.equal(partEnd(view, 0, view.byteLength, true), recordSpan(40_000));
  });
});
