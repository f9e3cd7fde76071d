import assert from "node:assert/strict";
import type { Span } from "../../../src/mapping/span.ts";
import { SelfTestFilter } from "../../../src/service/self-test/self-test-filter.ts";

const spanOf = (pid: number) => ({ resource: { attributes: [["process.pid", pid]] } }) as unknown as Span;

describe("the self-test's filter", () => {
  it("takes out both ends of the exchange, and shows them", () => {
    const shown: number[] = [];
    const filter = new SelfTestFilter(
      [7, 8],
      (spans) => shown.push(spans.length),
      () => 0,
    );
    assert.deepEqual(filter.divert([spanOf(7), spanOf(8), spanOf(9)]).length, 1);
    assert.deepEqual(shown, [2]);
  });

  it("takes out nothing of a program that has the number of one of its processes later", () => {
    let nowMs = 0;
    const filter = new SelfTestFilter(
      [7, 8],
      () => {},
      () => nowMs,
    );
    filter.divert([spanOf(7), spanOf(8)]);
    nowMs = 60_000;
    assert.equal(filter.divert([spanOf(7)]).length, 1);
    assert.deepEqual([filter.account.in, filter.account.out], [3, 1]);
  });
});
