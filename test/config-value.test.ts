import assert from "node:assert/strict";
import { z } from "zod";
import {
  durationMs,
  formatListenAddress,
  parseDurationMs,
  parseListenAddress,
  parseSizeBytes,
  sizeBytes,
} from "../src/config-value.ts";

describe("config values", () => {
  it("reads Go's durations", () => {
    const cases: [string, number | undefined][] = [
      ["5s", 5000],
      ["1m30s", 90_000],
      ["200ms", 200],
      ["1.5h", 5_400_000],
      ["0", 0],
      ["5", undefined],
      ["s", undefined],
      ["-5s", undefined],
      ["5 s", undefined],
    ];
    for (const [text, expected] of cases) assert.equal(parseDurationMs(text), expected, text);
  });

  it("reads sizes", () => {
    const cases: [string, number | undefined][] = [
      ["4MiB", 4_194_304],
      ["500kB", 500_000],
      ["12", 12],
      ["12 miles", undefined],
      ["", undefined],
    ];
    for (const [text, expected] of cases) assert.equal(parseSizeBytes(text), expected, text);
  });

  it("writes durations and sizes back as they are read", () => {
    const schema = z.strictObject({ timeout: durationMs().default(5000), limit: sizeBytes().default(1024) });
    const value = z.decode(schema, { timeout: "1m" });
    assert.deepEqual(value, { timeout: 60_000, limit: 1024 });
    assert.deepEqual(z.encode(schema, value), { timeout: "1m", limit: 1024 });
  });

  it("reads listen addresses", () => {
    assert.deepEqual(parseListenAddress("127.0.0.1:8888"), { host: "127.0.0.1", port: 8888 });
    assert.deepEqual(parseListenAddress("[::1]:0"), { host: "::1", port: 0 });
    assert.deepEqual(parseListenAddress(":8888"), { host: "0.0.0.0", port: 8888 });
    assert.equal(formatListenAddress({ host: "::1", port: 1 }), "[::1]:1");
    for (const text of ["8888", "localhost", "host:70000", "http://a:1", "::1:80"]) {
      assert.equal(parseListenAddress(text), undefined, text);
    }
  });
});
