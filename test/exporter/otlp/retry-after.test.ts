import assert from "node:assert/strict";
import { parseRetryAfterMs } from "../../../src/exporter/otlp/retry-after.ts";

describe("parseRetryAfterMs", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const cases: readonly [string | undefined, number | undefined][] = [
    ["3", 3_000],
    ["Thu, 01 Jan 2026 00:00:07 GMT", 7_000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
    ["soon", undefined],
    ["-1", 0],
    [undefined, undefined],
  ];
  for (const [value, expected] of cases) {
    it(`${value} is ${expected}`, () => assert.equal(parseRetryAfterMs(value, now), expected));
  }
});
