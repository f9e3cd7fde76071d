import assert from "node:assert/strict";
import { StageAccount } from "../../../src/mapping/account.ts";
import { MetricsListener } from "../../../src/service/telemetry/metrics-listener.ts";

describe("own metrics", () => {
  const saved = process.env["OTEL_SERVICE_NAME"];
  before(() => {
    process.env["OTEL_SERVICE_NAME"] = "not-ours";
  });
  after(() => {
    if (saved === undefined) delete process.env["OTEL_SERVICE_NAME"];
    else process.env["OTEL_SERVICE_NAME"] = saved;
  });

  it("shows accounts and components under the Collector's names", async () => {
    const ring = new StageAccount("ring", "events");
    ring.addIn(10);
    ring.addOut(6);
    ring.addConsumed("filtered", 1);
    ring.addLost("ring_full", 2);
    const exporter = {
      id: "otlp_grpc",
      account: new StageAccount("exporter/otlp_grpc", "spans"),
      state: {
        queueSize: 3,
        queueCapacity: 1000,
        queuedBytes: 5,
        inFlightRequests: 1,
        failure: undefined,
        sentRequests: 2,
      },
    };
    exporter.account.addIn(9);
    exporter.account.addOut(4);
    exporter.account.addLost("queue_full", 2);
    exporter.account.addLost("rejected", 1);
    const listener = await MetricsListener.create(
      {
        logs: { level: "info", encoding: "console" },
        resource: { region: "eu" },
        metrics: { address: { host: "127.0.0.1", port: 0 }, isDefaultAddress: false },
      },
      {
        accounts: () => [ring],
        accepted: new Map([["socket_trace", 6]]),
        acceptedSamples: new Map([["profile", 9]]),
        processors: [],
        exporters: [exporter],
      },
      { version: "1.2.3", instanceId: "i" },
    );
    assert.ok(listener);
    await listener.start();
    try {
      const text = await (await fetch(listener.address!)).text();
      for (const line of [
        'sockspan_stage_in_total{stage="ring",unit="events"} 10',
        'sockspan_stage_out_total{stage="ring",unit="events"} 6',
        'sockspan_stage_consumed_total{stage="ring",unit="events",reason="filtered"} 1',
        'sockspan_stage_lost_total{stage="ring",unit="events",reason="ring_full"} 2',
        'sockspan_stage_held{stage="ring",unit="events"} 1',
        'otelcol_receiver_accepted_spans_total{receiver="socket_trace",transport="kernel"} 6',
        'otelcol_exporter_sent_spans_total{exporter="otlp_grpc"} 4',
        'otelcol_exporter_send_failed_spans_total{exporter="otlp_grpc"} 1',
        'otelcol_exporter_enqueue_failed_spans_total{exporter="otlp_grpc"} 2',
        'otelcol_exporter_queue_size{exporter="otlp_grpc"} 3',
      ]) {
        assert.ok(text.includes(`\n${line}`), `${line}\nis not in\n${text}`);
      }
      assert.match(
        text,
        /target_info\{service_name="sockspan",service_version="1\.2\.3",service_instance_id="i",region="eu"\} 1/,
      );
      assert.match(text, /otelcol_process_memory_rss_bytes \d+/);
      assert.doesNotMatch(text, /not-ours/);
    } finally {
      await listener.shutdown();
    }
  });

  it("can be switched off", async () => {
    const none = { accounts: () => [], accepted: new Map(), acceptedSamples: new Map(), processors: [], exporters: [] };
    const config = { logs: { level: "info", encoding: "console" }, resource: {}, metrics: undefined } as const;
    assert.equal(await MetricsListener.create(config, none, { version: "1", instanceId: "i" }), undefined);
  });
});
