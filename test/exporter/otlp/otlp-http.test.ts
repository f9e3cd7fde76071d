import assert from "node:assert/strict";
import type { TraceExporter } from "../../../src/exporter/exporter.ts";
import { createOtlpHttpExporter } from "../../../src/exporter/otlp/otlp-http.ts";
import { otlpHttpSettings } from "../../../src/exporter/otlp/otlp-http-settings.ts";
import { eventually } from "../../support/eventually.ts";
import { makeExporterDeps, type TestDeps } from "../../support/exporter-deps.ts";
import { type OpenedConnection, watchConnections } from "../../support/opened-connections.ts";
import { OtlpHttpCollector } from "../../support/otlp-http-collector.ts";
import { makeSpan, makeSpans } from "../../support/spans.ts";

const quick = {
  sending_queue: { num_consumers: 1, batch: { flush_timeout: "5ms", min_size: 100 } },
  retry_on_failure: { initial_interval: "10ms", max_interval: "20ms" },
};

describe("otlp_http exporter", () => {
  let collector: OtlpHttpCollector;
  let exporter: TraceExporter | undefined;
  let deps: TestDeps;

  beforeEach(async () => {
    collector = await OtlpHttpCollector.start();
    deps = makeExporterDeps();
  });

  afterEach(async () => {
    await exporter?.shutdown(0);
    await collector.stop();
  });

  async function start(settings: object = {}): Promise<TraceExporter> {
    const endpoint = `http://127.0.0.1:${collector.port}`;
    const parsed = otlpHttpSettings.parse({ endpoint, ...quick, ...settings });
    exporter = await createOtlpHttpExporter("otlp_http", parsed, deps);
    await exporter.start();
    return exporter;
  }

  for (const encoding of ["proto", "json"]) {
    for (const compression of ["gzip", "zstd", "zlib", "deflate", "none"]) {
      it(`posts ${encoding}, compression ${compression}, over one connection`, async () => {
        const { account, consume } = bound(await start({ encoding, compression, headers: { "X-Tenant": "a" } }));
        consume(makeSpans(250));
        await eventually(() => account.out === 250);
        assert.equal(new Set(collector.spans.map((span) => span.spanId)).size, 250);
        assert.equal(collector.spans[0]?.traceId, "0af7651916cd43dd8448eb211c80319c");
        const [message] = collector.messages;
        assert.equal(message?.path, "/v1/traces");
        assert.equal(message?.headers["content-encoding"], compression === "none" ? undefined : compression);
        assert.equal(message?.headers["x-tenant"], "a");
        assert.match(message?.headers["user-agent"] ?? "", /^sockspan\//);
        assert.equal(new Set(collector.messages.map(({ localPort }) => localPort)).size, 1);
      });
    }

    it(`counts what partial_success rejects (${encoding})`, async () => {
      collector.answerNext({ kind: "partial", rejectedSpans: 4, message: "too old" });
      const { account, consume } = bound(await start({ encoding }));
      consume(makeSpans(10));
      await eventually(() => account.held === 0);
      assert.deepEqual([account.out, account.lost], [6, new Map([["rejected", 4]])]);
    });

    it(`splits what the server finds too large (${encoding})`, async () => {
      collector.answerNext({ kind: "status", status: 413 }, { kind: "status", status: 413 });
      const { account, consume } = bound(await start({ encoding }));
      consume(makeSpans(20));
      await eventually(() => account.out === 20);
      assert.deepEqual(
        collector.requests.map((request) => request.resourceSpans?.[0]?.scopeSpans?.[0]?.spans?.length),
        [5, 5, 10],
      );
      assert.equal(new Set(collector.spans.map((span) => span.spanId)).size, 20);
    });
  }

  it("takes traces_endpoint as it is", async () => {
    const traces_endpoint = `http://127.0.0.1:${collector.port}/custom/path?x=1`;
    const { account, consume } = bound(await start({ endpoint: undefined, traces_endpoint }));
    consume([makeSpan()]);
    await eventually(() => account.out === 1);
    assert.equal(collector.messages[0]?.path, "/custom/path?x=1");
  });

  it("retries 429, 502, 503, 504 and a broken connection", async () => {
    collector.answerNext({ kind: "reset" });
    for (const status of [429, 502, 503, 504]) collector.answerNext({ kind: "status", status });
    const { account, consume } = bound(await start());
    consume(makeSpans(3));
    await eventually(() => account.out === 3);
    assert.equal(collector.messages.length, 6);
  });

  it("waits as long as Retry-After says", async () => {
    collector.answerNext({ kind: "status", status: 503, headers: { "retry-after": "1" } });
    const { account, consume } = bound(await start());
    const startedMs = performance.now();
    consume(makeSpans(3));
    await eventually(() => account.out === 3);
    assert.ok(performance.now() - startedMs >= 990);
  });

  for (const status of [400, 401, 403, 500, 301]) {
    it(`gives up at once on ${status}`, async () => {
      collector.answerNext({ kind: "status", status, body: "no such tenant" });
      const exporter = await start();
      exporter.consume(makeSpans(3));
      await eventually(() => exporter.account.held === 0);
      assert.deepEqual(exporter.account.lost, new Map([["permanent", 3]]));
      assert.equal(exporter.state?.failure, `HTTP ${status}: no such tenant`);
    });
  }

  it("says where a redirect leads, and which path is not there", async () => {
    const headers = { location: "https://elsewhere/v1/traces" };
    collector.answerNext({ kind: "status", status: 308, headers }, { kind: "status", status: 404, body: "what?" });
    const exporter = await start();
    exporter.consume(makeSpans(3));
    await eventually(() => exporter.account.lost.get("permanent") === 3);
    assert.match(exporter.state?.failure ?? "", /redirects to https:\/\/elsewhere\/v1\/traces, which is not followed/);
    exporter.consume(makeSpans(3));
    await eventually(() => exporter.account.lost.get("permanent") === 6);
    assert.equal(exporter.state?.failure, "HTTP 404 for /v1/traces: what?");
  });

  it("doubts a server that answers with a page", async () => {
    const headers = { "content-type": "text/html" };
    const page = { kind: "status", status: 200, headers, body: "<h1>It works!</h1>" } as const;
    collector.answerNext(page, page);
    const { account, consume } = bound(await start());
    for (const sent of [3, 6]) {
      consume(makeSpans(3));
      await eventually(() => account.out === sent);
    }
    const said = deps.log.records.filter(({ fields }) => /text\/html: is 127/.test(String(fields["message"])));
    assert.equal(said.length, 1);
  });

  it("doubts a server whose JSON is none", async () => {
    const headers = { "content-type": "application/json" };
    collector.answerNext({ kind: "status", status: 200, headers, body: "{" });
    const { account, consume } = bound(await start());
    consume(makeSpans(3));
    await eventually(() => account.out === 3);
    assert.equal(deps.log.records[0]?.fields["message"], "its answer is no JSON");
  });

  it("doubts a server whose protobuf is none", async () => {
    const headers = { "content-type": "application/x-protobuf" };
    collector.answerNext({ kind: "status", status: 200, headers, body: "thank you" });
    const { account, consume } = bound(await start());
    consume(makeSpans(3));
    await eventually(() => account.out === 3);
    assert.equal(deps.log.records[0]?.fields["message"], "its answer is no protobuf");
  });

  it("says that spans are rejected also where the server says nothing of it", async () => {
    collector.answerNext({ kind: "partial", rejectedSpans: 2, message: "" });
    const { account, consume } = bound(await start());
    consume(makeSpans(3));
    await eventually(() => account.held === 0);
    assert.ok(deps.log.records.some(({ fields }) => fields["rejected spans"] === 2));
  });

  it("keeps what a server says short", async () => {
    collector.answerNext({ kind: "partial", rejectedSpans: 1, message: "x".repeat(100_000) });
    collector.answerNext({ kind: "status", status: 400, body: "y".repeat(100_000) });
    const exporter = await start();
    exporter.consume(makeSpans(3));
    await eventually(() => exporter.account.held === 0);
    exporter.consume(makeSpans(3));
    await eventually(() => exporter.account.lost.get("permanent") === 3);
    assert.ok(JSON.stringify(deps.log.records).length < 4_000);
  });

  it("does not wait for a connection that has become something else", async () => {
    const headers = { upgrade: "other", connection: "upgrade" };
    collector.answerNext({ kind: "status", status: 101, headers });
    const { account, consume } = bound(await start());
    consume(makeSpans(3));
    await eventually(() => account.out === 3);
  });

  it("waits as long as a server asks for, however long", async () => {
    collector.answerNext({ kind: "status", status: 503, headers: { "retry-after": "99999999" } });
    const exporter = await start({ retry_on_failure: { ...quick.retry_on_failure, max_elapsed_time: "0s" } });
    exporter.consume(makeSpans(3));
    await eventually(() => exporter.state?.failure !== undefined);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual([collector.messages.length, exporter.account.held], [1, 3]);
  });

  it("takes a timeout of less than a millisecond's parts", async () => {
    const { account, consume } = bound(await start({ timeout: "900500us" }));
    consume(makeSpans(3));
    await eventually(() => account.out === 3);
  });

  it("adds the signal's path to an endpoint with a path and a query", async () => {
    const { account, consume } = bound(await start({ endpoint: `http://127.0.0.1:${collector.port}/base/?key=a` }));
    consume(makeSpans(1));
    await eventually(() => account.out === 1);
    assert.equal(collector.messages[0]?.path, "/base/v1/traces?key=a");
  });

  it("cuts off a server that hangs", async () => {
    collector.answerNext({ kind: "hang" });
    const exporter = await start({ timeout: "50ms" });
    exporter.consume(makeSpans(3));
    await eventually(() => exporter.state?.failure === "no answer within 50 ms");
    await eventually(() => exporter.account.out === 3);
  });

  it("says why a connection can't be made", async () => {
    const exporter = await start({ endpoint: "http://127.0.0.1:1" });
    exporter.consume(makeSpans(3));
    await eventually(() => exporter.state?.failure !== undefined);
    assert.match(exporter.state?.failure ?? "", /ECONNREFUSED 127\.0\.0\.1:1/);
  });

  it("tells of its connection", async () => {
    const connections: OpenedConnection[] = [];
    using _watch = watchConnections((connection) => connections.push(connection));
    const { account, consume } = bound(await start());
    consume(makeSpans(1));
    await eventually(() => account.out === 1);
    const own = connections.filter(({ remotePort }) => remotePort === collector.port);
    assert.deepEqual(
      own.map(({ localPort }) => localPort),
      collector.messages.map(({ localPort }) => localPort),
    );
  });

  it("refuses settings without a place to send to", () => {
    assert.match(otlpHttpSettings.safeParse({}).error?.message ?? "", /endpoint or profiles_endpoint is needed/);
    assert.match(otlpHttpSettings.safeParse({ endpoint: "localhost:4318" }).error?.message ?? "", /not an URL/);
    for (const name of ["Content-Length", "transfer-encoding", "a b"]) {
      const parsed = otlpHttpSettings.safeParse({ endpoint: "http://a", headers: { [name]: "1" } });
      assert.match(parsed.error?.message ?? "", /can carry this header/, name);
    }
  });
});

function bound(exporter: TraceExporter): { account: TraceExporter["account"]; consume: TraceExporter["consume"] } {
  return { account: exporter.account, consume: (spans) => exporter.consume(spans) };
}
