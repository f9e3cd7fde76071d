import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { AttemptLimit } from "../../src/exporter/attempt-limit.ts";
import { eventually } from "../support/eventually.ts";

describe("the limit of an attempt", () => {
  it("is its time", async () => {
    const limit = new AttemptLimit(new AbortController().signal, 5);
    await eventually(() => limit.signal.aborted);
    assert.equal(limit.isOver, true);
  });

  it("is the abort of whoever asks, which is not its time", () => {
    const caller = new AbortController();
    const limit = new AttemptLimit(caller.signal, 60_000);
    assert.equal(limit.signal.aborted, false);
    caller.abort();
    assert.deepEqual([limit.signal.aborted, limit.isOver], [true, false]);
    limit.end();
    assert.equal(new AttemptLimit(caller.signal, 0).signal.aborted, true);
  });

  it("is nothing any more when the attempt has ended", async () => {
    const caller = new AbortController();
    const limit = new AttemptLimit(caller.signal, 5);
    limit.end();
    await sleep(20);
    caller.abort();
    assert.deepEqual([limit.signal.aborted, limit.isOver], [false, false]);
  });
});
