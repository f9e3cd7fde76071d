import assert from "node:assert/strict";
import type { WatchedSpan } from "../../../src/ipc/control-answers.ts";
import { isWatched, watchLine } from "../../../src/service/live/watch-lines.ts";

function watched(change: Partial<WatchedSpan> = {}): WatchedSpan {
  return {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    startUnixNs: "1700000000123000000",
    durationNs: 1_200_000,
    kind: "SERVER",
    service: "shop",
    name: "GET",
    subject: "/cart",
    peer: "10.0.0.7",
    isError: false,
    result: "200",
    ...change,
  };
}

describe("watch", () => {
  it("writes one line of a span, with who spoke to whom", () => {
    assert.match(
      watchLine(watched()),
      /^\d\d:\d\d:\d\d\.123 {3}1\.20ms {2}SERVER {3}shop ← 10\.0\.0\.7 {2}GET \/cart {2}200 {2}4bf92f3577b34da6a3ce929d0e0e4736\n$/,
    );
    assert.match(watchLine(watched({ kind: "CLIENT", peer: "db:5432" })), /CLIENT {3}shop → db:5432 {2}/);
    assert.match(
      watchLine(watched({ peer: undefined, subject: undefined, result: undefined })),
      / shop {2}GET {2}ok {2}/,
    );
    assert.match(watchLine(watched({ isError: true, result: undefined })), / {2}error {2}/);
  });

  it("lets no control character of a traced program through", () => {
    const line = watchLine(
      watched({ service: "a\u001b]0;x\u0007", name: "b\nc", subject: "\u202e", peer: "\r", result: "\u0000" }),
    );
    assert.equal(/[\p{Cc}\p{Cf}]/u.test(line.slice(0, -1)), false, line);
  });

  it("shows what the filters let through", () => {
    const all = { services: [], status: undefined, minDurationMs: 0 };
    assert.equal(isWatched(watched(), all), true);
    assert.equal(isWatched(watched(), { ...all, services: ["a", "shop"] }), true);
    assert.equal(isWatched(watched(), { ...all, services: ["a"] }), false);
    assert.equal(isWatched(watched(), { ...all, status: "error" }), false);
    assert.equal(isWatched(watched({ isError: true }), { ...all, status: "error" }), true);
    assert.equal(isWatched(watched({ isError: true }), { ...all, status: "ok" }), false);
    assert.equal(isWatched(watched(), { ...all, minDurationMs: 1.2 }), true);
    assert.equal(isWatched(watched(), { ...all, minDurationMs: 1.3 }), false);
  });
});
