import assert from "node:assert/strict";
import type { StatAnswer } from "../../../src/ipc/control-answers.ts";
import { StageAccount } from "../../../src/mapping/account.ts";
import { SpanKind } from "../../../src/mapping/span.ts";
import { bucketOf, quantileMs } from "../../../src/service/live/duration-buckets.ts";
import { SpanCounts } from "../../../src/service/live/span-counts.ts";
import { statHead, statLine, statRows } from "../../../src/service/live/stat-rows.ts";
import { makeResource, makeSpan } from "../../support/spans.ts";

const span = (service: string, ms: number, change: Partial<Parameters<typeof makeSpan>[0]> = {}) =>
  makeSpan({
    resource: makeResource(service),
    startTimeUnixNano: 1000n,
    endTimeUnixNano: 1000n + BigInt(ms * 1e6),
    ...change,
  });

function started() {
  const state = { nowMs: 0, cpuUs: 0 };
  const account = new StageAccount("ring", "event");
  const counts = new SpanCounts({
    nowMs: () => state.nowMs,
    cpuUs: () => state.cpuUs,
    accounts: () => [account],
  });
  const answer = (): StatAnswer => ({ ...counts.answer(), pid: 7, brokerCpuUs: 0 });
  return { state, account, counts, answer };
}

describe("durations in buckets", () => {
  it("give quantiles within 2.5 %, and none of nothing", () => {
    const buckets = Array.from({ length: 1000 }, (_, i) => [bucketOf((i + 1) * 1e6), 1] as const);
    for (const [quantile, ms] of [
      [0.5, 500],
      [0.99, 990],
      [1, 1000],
    ] as const) {
      const found = quantileMs(buckets, quantile)!;
      assert.ok(Math.abs(found - ms) / ms < 0.026, `${quantile}: ${found}`);
    }
    assert.equal(quantileMs([], 0.5), undefined);
    assert.equal(quantileMs([[bucketOf(0), 1]], 0.5)! < 0.001, true);
  });
});

describe("stat", () => {
  it("tells what came between two answers, by service and kind, and what was lost and used meanwhile", () => {
    const { state, account, counts, answer } = started();
    counts.consume([span("before", 1)]);
    const idle = answer();
    assert.deepEqual(idle.services, [], "nobody looked");
    counts.consume([span("shop", 10)]);
    state.nowMs = 1000;
    const before = answer();
    counts.consume([span("shop", 10), span("shop", 30, { status: 2 }), span("shop", 5, { kind: SpanKind.client })]);
    account.addIn(5);
    account.addLost("ring_full", 5);
    state.nowMs = 3000;
    state.cpuUs = 500_000;
    const rows = statRows(before, answer())!;
    const [server, client, all] = rows;
    assert.deepEqual([server?.service, server?.kind, server?.spansPerSecond, server?.errors], ["shop", "SERVER", 1, 1]);
    assert.ok(Math.abs(server!.p99Ms! - 30) < 1);
    assert.deepEqual([client?.kind, client?.spansPerSecond], ["CLIENT", 0.5]);
    assert.deepEqual(
      [all?.service, all?.spansPerSecond, all?.errors, all?.lost, all?.cpuPercent, all?.pid],
      [undefined, 1.5, 1, { "ring/ring_full": 5 }, 25, 7],
    );
    assert.equal(rows.length, 3);
  });

  it("has no interval where counting began anew", () => {
    const { state, answer } = started();
    const before = answer();
    state.nowMs = 120_000;
    assert.equal(statRows(before, answer()), undefined);
  });

  it("counts no more services than it may, the others together", () => {
    const { counts, answer } = started();
    answer();
    counts.consume(Array.from({ length: 1500 }, (_, i) => span(`service-${i}`, 1)));
    const { services } = answer();
    assert.equal(services.length, 1001);
    assert.equal(services.find(({ service }) => service === "(others)")?.spans, 500);
  });

  it("writes aligned lines, and lets no control character through", () => {
    const { state, counts, answer } = started();
    const before = answer();
    counts.consume([span("evil\u001b[31m\n", 1)]);
    state.nowMs = 1000;
    const lines = statRows(before, answer())!.map((row) => statLine(row, "16:27:22"));
    assert.match(statHead(), /^TIME +SERVICE +KIND +SPANS\/S +ERRORS +P50 MS +P99 MS +CPU % LOST\n$/);
    assert.match(lines[0]!, /^16:27:22 evil\\x1b\[31m\\n +SERVER +1\.0 +0 +\d\.\d{3} +\d\.\d{3}\n$/);
    assert.match(lines[1]!, /^16:27:22 \(all of process 7\) .* 0\.0 -\n$/);
  });
});
