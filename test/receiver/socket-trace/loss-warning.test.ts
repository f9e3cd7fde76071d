import assert from "node:assert/strict";
import type { Log } from "../../../src/log.ts";
import { LossWarning } from "../../../src/receiver/socket-trace/loss-warning.ts";

describe("LossWarning", () => {
  it("says how many were lost at once, then at most every 10 s, and what is left at the end", () => {
    const said: unknown[] = [];
    const log = { warn: (_message, fields) => said.push(fields?.["events"]) } satisfies Partial<Log> as unknown as Log;
    let nowMs = 5;
    const warning = new LossWarning(log, () => nowMs);
    warning.lost(0);
    assert.deepEqual(said, []);
    warning.lost(3);
    assert.deepEqual(said, [3]);
    nowMs += 9_999;
    warning.lost(4);
    assert.deepEqual(said, [3]);
    nowMs += 1;
    warning.lost(5);
    assert.deepEqual(said, [3, 9]);
    warning.lost(6);
    warning.flush();
    warning.flush();
    assert.deepEqual(said, [3, 9, 6]);
  });
});
