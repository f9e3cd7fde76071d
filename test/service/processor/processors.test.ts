import assert from "node:assert/strict";
import type { Attribute, Span } from "../../../src/mapping/span.ts";
import { BatchProcessor, batchSettings } from "../../../src/service/processor/batch.ts";
import { FilterProcessor, filterSettings } from "../../../src/service/processor/filter.ts";
import { MemoryLimiter, memoryLimiterSettings } from "../../../src/service/processor/memory-limiter.ts";
import { RedactionProcessor, redactionSettings } from "../../../src/service/processor/redaction.ts";
import { makeResource, makeSpan, makeSpans } from "../../support/spans.ts";

const names = (spans: readonly Span[]) => spans.map((span) => span.name);

describe("batch processor", () => {
  function collect(settings: Record<string, unknown>) {
    const batches: number[] = [];
    const batch = new BatchProcessor("batch", batchSettings.decode(settings));
    batch.connect((spans) => batches.push(spans.length));
    return { batch, batches };
  }

  it("holds spans until there are enough, or no more will come", () => {
    const { batch, batches } = collect({ timeout: "1h", send_batch_size: 4 });
    for (let i = 0; i < 3; i++) assert.deepEqual(batch.process(makeSpans(1)), []);
    assert.deepEqual([batches, batch.account.held], [[], 3]);
    batch.process(makeSpans(2));
    assert.deepEqual([batches, batch.account.held], [[5], 0]);
    batch.process(makeSpans(1));
    batch.flush();
    assert.deepEqual([batches, batch.account.out], [[5, 1], 6]);
  });

  it("cuts what is too big, and holds nothing without a timeout", () => {
    const { batch, batches } = collect({ timeout: "0", send_batch_size: 2, send_batch_max_size: 2 });
    batch.process(makeSpans(5));
    assert.deepEqual(batches, [2, 2, 1]);
  });
});

describe("filter processor", () => {
  const spans = [
    makeSpan({ name: "GET /health", attributes: [["url.path", "/health"]] }),
    makeSpan({ name: "GET /buy", attributes: [["url.path", "/buy"]], resource: makeResource("shop") }),
    makeSpan({ name: "GET /pay", attributes: [["url.path", "/pay"]], resource: makeResource("bank") }),
  ];

  it("drops what matches one condition, and counts it", () => {
    const settings = filterSettings.decode({
      exclude: [{ attributes: { "url.path": "^/health$" } }, { service: "^bank$", kind: "server" }],
    });
    const filter = new FilterProcessor("filter", settings);
    assert.deepEqual(names(filter.process(spans)), ["GET /buy"]);
    const { account } = filter;
    assert.deepEqual([account.in, account.out, account.consumed.get("filtered"), account.held], [3, 1, 2, 0]);
  });

  it("drops only what matches all of a condition", () => {
    const settings = filterSettings.decode({ exclude: [{ service: "shop", kind: "client" }] });
    assert.equal(new FilterProcessor("filter", settings).process(spans).length, 3);
  });

  it("refuses patterns that are none, and conditions that name nothing", () => {
    assert.equal(filterSettings.safeDecode({ exclude: [{ name: "(" }] }).success, false);
    assert.equal(filterSettings.safeDecode({ exclude: [{}] }).success, false);
  });

  it("matches in linear time", () => {
    const filter = new FilterProcessor("filter", filterSettings.decode({ exclude: [{ name: "^(a+)+$" }] }));
    assert.equal(filter.process([makeSpan({ name: `${"a".repeat(5000)}!` })]).length, 1);
  });
});

describe("memory_limiter processor", () => {
  it("drops and counts above the soft limit, and looks once an interval", () => {
    let residentBytes = 0;
    let nowMs = 0;
    const settings = memoryLimiterSettings.decode({ limit_mib: 100, check_interval: "1s" });
    const limiter = new MemoryLimiter("memory_limiter", settings, {
      residentBytes: () => residentBytes,
      nowMs: () => nowMs,
    });
    assert.equal(limiter.process(makeSpans(2)).length, 2);
    residentBytes = 81 * 1024 ** 2;
    assert.equal(limiter.process(makeSpans(2)).length, 2);
    nowMs = 1000;
    assert.equal(limiter.process(makeSpans(2)).length, 0);
    residentBytes = 0;
    nowMs = 2000;
    assert.equal(limiter.process(makeSpans(1)).length, 1);
    assert.deepEqual([limiter.account.lost.get("memory_limit"), limiter.account.held], [2, 0]);
  });
});

describe("redaction processor", () => {
  const attributes: readonly Attribute[] = [
    ["url.path", "/cards/4111111111111111"],
    ["user.token", "abc"],
    ["count", 4111111111111111],
  ];

  it("masks values and leaves the given span alone", () => {
    const redaction = new RedactionProcessor(
      "redaction",
      redactionSettings.decode({
        allow_all_keys: true,
        blocked_values: ["4[0-9]{15}"],
        blocked_key_patterns: ["token"],
      }),
    );
    const span = makeSpan({ attributes });
    assert.deepEqual(redaction.process([span])[0]?.attributes, [
      ["url.path", "/cards/****"],
      ["user.token", "****"],
      ["count", "****"],
    ]);
    assert.deepEqual(span.attributes, attributes);
  });

  it("keeps allowed keys only, and one resource object per process", () => {
    const redaction = new RedactionProcessor(
      "redaction",
      redactionSettings.decode({ allowed_keys: ["url.path", "service.name"] }),
    );
    const [first, second] = redaction.process(makeSpans(2, { attributes }));
    assert.deepEqual(first?.attributes, [["url.path", "/cards/4111111111111111"]]);
    assert.deepEqual(first?.resource.attributes, [["service.name", "shop"]]);
    assert.equal(first?.resource, second?.resource);
  });
});
