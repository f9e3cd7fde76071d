import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import type { TraceExporter } from "../../../src/exporter/exporter.ts";
import { outcomeOfGrpcError } from "../../../src/exporter/otlp/grpc-sender.ts";
import { createOtlpGrpcExporter } from "../../../src/exporter/otlp/otlp-grpc.ts";
import { otlpGrpcSettings } from "../../../src/exporter/otlp/otlp-grpc-settings.ts";
import type { StageAccount } from "../../../src/mapping/account.ts";
import { eventually } from "../../support/eventually.ts";
import { makeExporterDeps, type TestDeps } from "../../support/exporter-deps.ts";
import { type OpenedConnection, watchConnections } from "../../support/opened-connections.ts";
import { OtlpCollector } from "../../support/otlp-collector.ts";
import { makeSpan, makeSpans } from "../../support/spans.ts";

const quick = {
  sending_queue: { batch: { flush_timeout: "5ms", min_size: 100 } },
  retry_on_failure: { initial_interval: "20ms", max_interval: "50ms" },
};

describe("otlp_grpc exporter", () => {
  let collector: OtlpCollector;
  let exporter: TraceExporter | undefined;
  let deps: TestDeps;

  beforeEach(async () => {
    collector = await OtlpCollector.start();
    deps = makeExporterDeps();
  });

  afterEach(async () => {
    await exporter?.shutdown(0);
    await collector.stop();
  });

  async function start(settings: object = {}): Promise<TraceExporter> {
    const parsed = otlpGrpcSettings.parse({ endpoint: collector.endpoint, ...quick, ...settings });
    exporter = await createOtlpGrpcExporter("otlp_grpc", parsed, deps);
    await exporter.start();
    return exporter;
  }

  for (const sender of ["raw", "sdk"]) {
    it(`sends what it was given (${sender})`, async () => {
      const { account, consume } = bound(await start({ sender, headers: { "x-tenant": "a" } }));
      consume(makeSpans(250));
      await eventually(() => account.out === 250);
      assert.equal(new Set(collector.spans.map((span) => span.spanId)).size, 250);
      assert.equal(collector.spans[0]?.startTimeUnixNano, "1790000000123456789");
      assert.equal(collector.requests[0]?.resourceSpans?.[0]?.scopeSpans?.[0]?.scope?.name, "sockspan");
      assert.deepEqual(collector.metadata[0]?.get("x-tenant"), ["a"]);
      assert.equal(account.held, 0);
    });

    it(`retries while the server is unavailable (${sender})`, async () => {
      const unavailable = { kind: "fail", code: grpc.status.UNAVAILABLE, message: "not now" } as const;
      collector.answerNext(unavailable, unavailable);
      const { account, consume } = bound(await start({ sender }));
      consume(makeSpans(10));
      await eventually(() => account.out === 10);
      assert.equal(collector.calls, 3);
      assert.equal(collector.spans.length, 10);
      assert.deepEqual(account.lost, new Map());
      assert.deepEqual(
        deps.log.records.map(({ message }) => message),
        ["export fails, will retry", "export works again"],
      );
    });
  }

  it("waits as long as RetryInfo says", async () => {
    const asked = { kind: "fail", message: "busy", retryDelaySeconds: 0.25 } as const;
    collector.answerNext(
      { ...asked, code: grpc.status.UNAVAILABLE },
      // Without RetryInfo this one is final.
      { ...asked, code: grpc.status.RESOURCE_EXHAUSTED },
    );
    const { account, consume } = bound(
      await start({ retry_on_failure: { initial_interval: "1ms", max_interval: "2ms" } }),
    );
    const startedMs = performance.now();
    consume(makeSpans(1));
    await eventually(() => account.out === 1);
    assert.ok(performance.now() - startedMs >= 490);
    assert.equal(collector.calls, 3);
  });

  for (const code of [grpc.status.RESOURCE_EXHAUSTED, grpc.status.UNAUTHENTICATED, grpc.status.UNIMPLEMENTED]) {
    it(`counts as lost what the server refuses for good: ${grpc.status[code]}`, async () => {
      collector.answerNext({ kind: "fail", code, message: "no" });
      const exporter = await start();
      const { account, consume } = bound(exporter);
      consume(makeSpans(10));
      await eventually(() => account.held === 0);
      assert.deepEqual(account.lost, new Map([["permanent", 10]]));
      assert.equal(exporter.state?.failure, `${grpc.status[code]}: no`);
      consume(makeSpans(5));
      await eventually(() => account.out === 5);
      assert.equal(exporter.state?.failure, undefined);
      assert.equal(collector.calls, 2);
    });
  }

  it("gives up after max_elapsed_time", async () => {
    for (let i = 0; i < 100; i++) collector.answerNext({ kind: "fail", code: grpc.status.UNAVAILABLE, message: "no" });
    const retry_on_failure = { initial_interval: "10ms", max_interval: "10ms", max_elapsed_time: "60ms" };
    const { account, consume } = bound(await start({ retry_on_failure }));
    consume(makeSpans(7));
    await eventually(() => account.held === 0);
    assert.deepEqual(account.lost, new Map([["retry_exhausted", 7]]));
    assert.ok(collector.calls >= 2);
  });

  it("counts the spans that partial_success rejects, and says the server's words once", async () => {
    const partial = { kind: "partial", rejectedSpans: 3, message: "too old" } as const;
    collector.answerNext(partial, partial);
    const { account, consume } = bound(await start());
    consume(makeSpans(10));
    await eventually(() => account.held === 0);
    consume(makeSpans(10));
    await eventually(() => account.held === 0);
    assert.equal(account.out, 14);
    assert.deepEqual(account.lost, new Map([["rejected", 6]]));
    assert.equal(deps.log.records.filter(({ fields }) => fields["message"] === "too old").length, 1);
  });

  it("splits a request that is above the server's limit, and keeps to the limit from then on", async () => {
    await collector.stop();
    collector = await OtlpCollector.start({ maxReceiveBytes: 60_000 });
    const sending_queue = { num_consumers: 1, batch: { flush_timeout: "5ms", min_size: 1_000 } };
    const { account, consume } = bound(await start({ sending_queue, compression: "none" }));
    consume(makeSpans(1_000));
    await eventually(() => account.out === 1_000);
    assert.equal(new Set(collector.spans.map((span) => span.spanId)).size, 1_000);
    consume(makeSpans(1_000));
    await eventually(() => account.out === 2_000);
    assert.equal(deps.log.records.filter(({ message }) => message.includes("smaller requests")).length > 0, true);
    consume([makeSpan({ name: "n".repeat(70_000) })]);
    await eventually(() => account.held === 0);
    assert.deepEqual(account.lost, new Map([["permanent", 1]]), "a span that no request can carry");
  });

  it("does not take an answer that is too large for a request that is", async () => {
    collector.answerNext({ kind: "partial", rejectedSpans: 0, message: "x".repeat(2_000_000) });
    const exporter = await start();
    exporter.consume(makeSpans(4));
    await eventually(() => exporter.account.held === 0);
    assert.deepEqual(exporter.account.lost, new Map([["permanent", 4]]));
    assert.match(exporter.state?.failure ?? "", /answer is none of OTLP/);
    assert.equal(collector.calls, 1);
  });

  it("keeps what a server says short", async () => {
    collector.answerNext({ kind: "fail", code: grpc.status.INVALID_ARGUMENT, message: "x".repeat(7_000) });
    const exporter = await start();
    exporter.consume(makeSpans(4));
    await eventually(() => exporter.account.held === 0);
    assert.ok((exporter.state?.failure?.length ?? 0) < 400);
  });

  it("sends again what the connection's end has cut short, and in halves what a proxy finds too large", () => {
    const outcome = (code: grpc.status, details: string) =>
      outcomeOfGrpcError({ name: "", message: "", code, details, metadata: new grpc.Metadata() }).kind;
    assert.equal(outcome(grpc.status.INTERNAL, "Received RST_STREAM with code 2 (Internal server error)"), "retry");
    assert.equal(outcome(grpc.status.RESOURCE_EXHAUSTED, "Bandwidth exhausted or memory limit exceeded"), "retry");
    assert.equal(outcome(grpc.status.INTERNAL, "no"), "permanent");
    assert.equal(outcome(grpc.status.RESOURCE_EXHAUSTED, "no"), "permanent");
    assert.equal(outcome(grpc.status.UNKNOWN, "Received HTTP status code 413"), "too_large");
  });

  it("refuses headers that no call can carry", () => {
    const problem = (name: string, value: string) =>
      otlpGrpcSettings.safeParse({ endpoint: "a:1", headers: { [name]: value } }).error?.message ?? "";
    for (const [name, value] of [
      ["a!b", "c"],
      ["a", "\u00fc"],
      ["a-bin", "\u00fc"],
      ["grpc-timeout", "1S"],
    ] as const) {
      assert.match(problem(name, value), /can carry this header/, name);
    }
    assert.equal(problem("A-bin", "YQ=="), "");
  });

  it("cuts off a server that hangs", async () => {
    collector.answerNext({ kind: "hang" });
    const { account, consume } = bound(await start({ timeout: "50ms" }));
    consume(makeSpans(4));
    await eventually(() => account.out === 4);
    assert.equal(collector.calls, 2);
  });

  it("loses nothing that the queue can hold while the server is away, and counts the rest", async () => {
    const { port } = collector;
    await collector.stop();
    const exporter = await start({
      endpoint: `http://127.0.0.1:${port}`,
      sending_queue: { queue_size: 1_000, sizer: "items", batch: { flush_timeout: "5ms", min_size: 100 } },
    });
    const { account, consume } = bound(exporter);
    for (let i = 0; i < 15; i++) {
      consume(makeSpans(100));
      assertBalance(account);
    }
    await eventually(() => exporter.state?.failure !== undefined);
    assert.deepEqual(account.lost, new Map([["queue_full", 500]]));
    assert.equal(account.held, 1_000);
    collector = await OtlpCollector.start({ port });
    await eventually(() => account.out === 1_000);
    assert.equal(collector.spans.length, 1_000);
    assert.equal(account.held, 0);
    consume(makeSpans(1));
    await eventually(() => account.out === 1_001);
  });

  it("shutdown sends what is queued", async () => {
    const exporter = await start({ sending_queue: { batch: { flush_timeout: "1h", min_size: 10_000 } } });
    exporter.consume(makeSpans(300));
    assert.equal(exporter.account.held, 300);
    await exporter.shutdown(5_000);
    assert.equal(exporter.account.out, 300);
    assert.equal(collector.spans.length, 300);
    exporter.consume(makeSpans(2));
    assert.deepEqual(exporter.account.lost, new Map([["shutdown", 2]]));
  });

  it("shutdown retries at once what waits for its next attempt", async () => {
    collector.answerNext({ kind: "fail", code: grpc.status.UNAVAILABLE, message: "no" });
    const exporter = await start({ retry_on_failure: { initial_interval: "1m", max_interval: "1m" } });
    exporter.consume(makeSpans(3));
    await eventually(() => exporter.state?.failure !== undefined);
    await exporter.shutdown(5_000);
    assert.equal(exporter.account.out, 3);
  });

  it("shutdown ends at the deadline and counts what is left", async () => {
    collector.answerNext({ kind: "hang" }, { kind: "hang" });
    const exporter = await start({
      sending_queue: { num_consumers: 2, batch: { flush_timeout: "1ms", min_size: 10 } },
    });
    for (let i = 0; i < 5; i++) exporter.consume(makeSpans(10));
    await eventually(() => collector.calls === 2);
    await exporter.shutdown(20);
    assert.deepEqual(exporter.account.lost, new Map([["shutdown", 50]]));
    assert.equal(exporter.account.held, 0);
  });

  it("speaks over a Unix socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "otlp-grpc-"));
    const unixPath = join(folder, "collector.sock");
    const local = await OtlpCollector.start({ unixPath });
    try {
      const { account, consume } = bound(await start({ endpoint: `unix:${unixPath}` }));
      consume(makeSpans(3));
      await eventually(() => account.out === 3);
      assert.equal(local.spans.length, 3);
    } finally {
      await local.stop();
      rmSync(folder, { recursive: true });
    }
  });

  it("tells of its connection", async () => {
    const connections: OpenedConnection[] = [];
    using _watch = watchConnections((connection) => connections.push(connection));
    const { account, consume } = bound(await start());
    consume(makeSpans(1));
    await eventually(() => account.out === 1);
    const own = connections.filter(({ remotePort }) => remotePort === collector.port);
    assert.equal(own.length, 1);
    assert.equal(own[0]?.remoteAddress, "127.0.0.1");
    assert.ok(own[0].localPort > 0);
  });
});

/** `consume` checks the account after each call. */
function bound(exporter: TraceExporter): { account: StageAccount; consume: TraceExporter["consume"] } {
  const { account } = exporter;
  return {
    account,
    consume: (spans) => {
      const before = account.in;
      exporter.consume(spans);
      assert.equal(account.in, before + spans.length);
      assertBalance(account);
    },
  };
}

function assertBalance(account: StageAccount): void {
  assert.ok(account.held >= 0);
}
