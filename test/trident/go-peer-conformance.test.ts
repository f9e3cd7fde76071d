/** The data plane with a peer that was written in Go from the wire format alone. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { DeepflowExporter } from "../../src/exporter/deepflow/deepflow.ts";
import { deepflowSettings } from "../../src/exporter/deepflow/settings.ts";
import type { Log } from "../../src/log.ts";
import { type Span, SpanKind } from "../../src/mapping/span.ts";
import { FrameHandler } from "../../src/receiver/trident/frame-handler.ts";
import { Ingester } from "../../src/receiver/trident/ingester.ts";
import { prepareCompression } from "../../src/trident/compression.ts";
import { eventually } from "../support/eventually.ts";
import { noStorage } from "../support/exporter-deps.ts";
import { Scratch } from "../support/scratch.ts";
import { skip } from "../support/skip.ts";
import { makeResource, makeSpan } from "../support/spans.ts";

const log: Log = { debug() {}, info() {}, warn() {}, error() {} };

describe("data plane with a peer in Go", () => {
  let scratch: Scratch;
  let program = "";

  before(async function () {
    this.timeout(120_000);
    if (spawnSync("go", ["version"]).status !== 0) skip(this, "go is not installed");
    scratch = await Scratch.create();
    program = scratch.path("peer");
    execFileSync("go", ["build", "-o", program, "test/trident/go-peer/main.go"], {
      env: { ...process.env, GOFLAGS: "-mod=mod", GO111MODULE: "off" },
      stdio: "pipe",
    });
    await prepareCompression();
  });

  after(() => scratch?.cleanUp());

  it("decodes what the exporter sends", async () => {
    const peer = spawn(program, ["listen"], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(peer, "exit");
    const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
    const address = String((await lines.next()).value);
    const exporter = new DeepflowExporter(
      "deepflow",
      deepflowSettings.parse({ endpoint: address, compression: "gzip", agent_id: 5, stats_interval: "0s" }),
      { log, now: () => performance.now(), storage: noStorage },
    );
    await exporter.start();
    const span: Span = makeSpan({ kind: SpanKind.server, resource: makeResource("a") });
    const sent: Span = {
      ...span,
      attributes: [
        ["http.request.method", "PUT"],
        ["server.port", 8080],
        ["sockspan.tcp.seq", 4321],
      ],
    };
    exporter.consume([sent]);
    await exporter.shutdown(5000);
    const row: unknown = JSON.parse(String((await lines.next()).value));
    assert.deepEqual(row, {
      type: 5,
      agent: 5,
      tapSide: 42,
      seq: 4321,
      port: 8080,
      method: "PUT",
      traceId: sent.traceId,
    });
    await ended;
  });

  it("has its rows joined to spans", async () => {
    const spans: Span[] = [];
    const handler = new FrameHandler({
      settleNs: 0,
      maxRows: 100,
      maxUnfoldedBytes: 1 << 20,
      maxRowsPerSecondPerAgent: 0,
      hostOf: () => undefined,
      profiles: () => {},
      now: () => 0,
      spans: (more) => spans.push(...more),
    });
    const ingester = new Ingester({
      host: "127.0.0.1",
      port: 0,
      maxFrameBytes: 1 << 20,
      maxConnections: 10,
      stallMs: 10_000,
      idleMs: 10_000,
      handler,
    });
    await ingester.start();
    try {
      execFileSync(program, ["send", `127.0.0.1:${ingester.port}`]);
      await eventually(() => handler.records.in >= 2);
      handler.joiner.flush();
      const client = spans.find((span) => span.kind === SpanKind.client);
      const server = spans.find((span) => span.kind === SpanKind.server);
      assert.equal(server?.parentSpanId, client?.spanId);
      assert.equal(server?.name, "GET");
    } finally {
      await ingester.shutdown();
    }
  });
});
