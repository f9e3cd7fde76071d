import assert from "node:assert/strict";
import { formatDuration, layOut } from "../../../src/extension/zpages/waterfall.ts";
import { resource, span } from "./support.ts";

describe("waterfall", () => {
  it("puts parents before children, whatever the order of their coming", () => {
    const client = span({ spanId: "a", startTimeUnixNano: 0n, endTimeUnixNano: 10n, resource: resource("curl") });
    const server = span({ spanId: "b", parentSpanId: "a", startTimeUnixNano: 2n, endTimeUnixNano: 9n });
    const late = span({ spanId: "d", parentSpanId: "b", startTimeUnixNano: 6n, endTimeUnixNano: 7n });
    const early = span({ spanId: "c", parentSpanId: "b", startTimeUnixNano: 3n, endTimeUnixNano: 4n });
    const { rows, durationNs, services } = layOut([late, server, early, client]);
    assert.deepEqual(
      rows.map((row) => [row.span.spanId, row.depth, row.offsetNs, row.durationNs]),
      [
        ["a", 0, 0, 10],
        ["b", 1, 2, 7],
        ["c", 2, 3, 1],
        ["d", 2, 6, 1],
      ],
    );
    assert.equal(durationNs, 10);
    assert.deepEqual(services, ["curl", "shop"]);
  });

  it("shows a span whose parent is elsewhere, and survives a cycle", () => {
    const orphan = span({ spanId: "a", parentSpanId: "f" });
    const one = span({ spanId: "b", parentSpanId: "c" });
    const two = span({ spanId: "c", parentSpanId: "b" });
    const self = span({ spanId: "d", parentSpanId: "d" });
    const { rows } = layOut([orphan, one, two, self]);
    assert.equal(rows.length, 4);
    assert.equal(rows.find((row) => row.span === orphan)?.isOrphan, true);
  });

  it("writes durations for people", () => {
    assert.deepEqual([-5, 12, 1500, 2_340_000, 150e6, 61e9].map(formatDuration), [
      "0 ns",
      "12 ns",
      "1.50 µs",
      "2.34 ms",
      "150 ms",
      "61.0 s",
    ]);
  });
});
