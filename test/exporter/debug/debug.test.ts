import assert from "node:assert/strict";
import { createDebugExporter } from "../../../src/exporter/debug/debug.ts";
import { debugSettings } from "../../../src/exporter/debug/settings.ts";
import { SpanKind } from "../../../src/mapping/span.ts";
import { makeExporterDeps } from "../../support/exporter-deps.ts";
import { makeResource, makeSpan, makeSpans } from "../../support/spans.ts";

function debug(settings: object, isTTY = false, now = () => 0) {
  const deps = { ...makeExporterDeps(isTTY), now };
  const exporter = createDebugExporter("debug", debugSettings.parse(settings), deps);
  return { exporter, text: () => deps.output.join("") };
}

/** A call of curl to nginx, which asks node. */
function trace() {
  const at = (ms: number) => 1_790_000_000_000_000_000n + BigInt(ms) * 1_000_000n;
  const peer = [
    ["server.address", "10.0.0.7"],
    ["server.port", 8_080],
  ] as const;
  const request = [
    ["url.path", "/api/items"],
    ["http.response.status_code", 502],
  ] as const;
  return [
    makeSpan({
      spanId: "0000000000000003",
      parentSpanId: "0000000000000002",
      kind: SpanKind.client,
      resource: makeResource("nginx"),
      startTimeUnixNano: at(2),
      endTimeUnixNano: at(5),
      attributes: [["url.full", "http://10.0.0.7:8080/api/items?token=REDACTED"], ["error.type", "timeout"], ...peer],
      status: 2,
    }),
    makeSpan({
      spanId: "0000000000000001",
      kind: SpanKind.client,
      resource: makeResource("curl"),
      startTimeUnixNano: at(0),
      endTimeUnixNano: at(1_500),
      attributes: [...request, ...peer],
      status: 2,
    }),
    makeSpan({
      spanId: "0000000000000002",
      parentSpanId: "0000000000000001",
      resource: makeResource("nginx"),
      startTimeUnixNano: at(1),
      endTimeUnixNano: at(6) + 120_000n,
      attributes: [...request, ["client.address", "10.0.0.2"]],
    }),
  ];
}

describe("debug exporter", () => {
  it("normal: shows a trace as a tree, a line per span", () => {
    const { exporter, text } = debug({ verbosity: "normal" });
    exporter.consume(trace());
    const lines = text().split("\n");
    assert.match(
      lines[0]!,
      /^\d\d:\d\d:\d\d\.\d{3} +1\.50s {2}CLIENT curl → nginx {2}GET \/api\/items {2}502 {2}0af76519$/,
    );
    assert.match(lines[1]!, / +5\.12ms {2}└ SERVER nginx {2}GET \/api\/items {2}502$/);
    assert.match(lines[2]!, / +3\.00ms {4}└ CLIENT nginx → 10\.0\.0\.7:8080 {2}GET \/api\/items {2}timeout$/);
    assert.deepEqual(lines.slice(3), [""]);
    assert.deepEqual([exporter.account.in, exporter.account.out], [3, 3]);
  });

  it("basic: counts", () => {
    const { exporter, text } = debug({});
    exporter.consume(trace());
    assert.equal(text(), "traces  resource spans: 3  spans: 3\n");
  });

  it("detailed: shows everything", () => {
    const { exporter, text } = debug({ verbosity: "detailed" });
    const links = [{ traceId: "0af7651916cd43dd8448eb211c80319d", spanId: "b7ad6b7169203332", attributes: [] }];
    const events = [{ timeUnixNano: 1_790_000_000_000_000_007n, name: "first byte", attributes: [["n", 1]] as const }];
    exporter.consume([makeSpan({ traceState: "a=1", parentSpanId: "00000000000000aa", links, events })]);
    for (const part of [
      "  service.name: shop\n",
      "    start: 2026-09-21T14:13:20.123456789Z\n",
      "    parent span id: 00000000000000aa\n",
      "    trace state: a=1\n",
      "    kind: server\n",
      "    url.path: /index.html\n",
      "    event first byte at 2026-09-21T14:13:20.000000007Z\n      n: 1\n",
      "    link 0af7651916cd43dd8448eb211c80319d b7ad6b7169203332\n",
    ]) {
      assert.ok(text().includes(part), `${part}in\n${text()}`);
    }
  });

  for (const verbosity of ["normal", "detailed"]) {
    it(`${verbosity}: lets no control character of a traced program through`, () => {
      const { exporter, text } = debug({ verbosity });
      const evil = "\x1b]0;owned\x07\r\n\u202eGET";
      const attributes = [
        ["url.path", evil],
        [evil, [evil]],
        ["error.type", evil],
      ] as const;
      exporter.consume([makeSpan({ name: evil, statusMessage: evil, attributes, resource: makeResource(evil) })]);
      assert.doesNotMatch(text().replaceAll("\n", ""), /[\p{Cc}\u202e]/u);
      if (verbosity === "normal") assert.equal(text().split("\n").length, 2);
    });
  }

  it("has colours on a terminal only", () => {
    const before = process.env["NO_COLOR"];
    delete process.env["NO_COLOR"];
    try {
      const onTerminal = debug({ verbosity: "normal" }, true);
      onTerminal.exporter.consume(trace());
      assert.ok(onTerminal.text().includes("\x1b[31m502\x1b[39m"));
      const piped = debug({ verbosity: "normal" });
      piped.exporter.consume(trace());
      assert.ok(!piped.text().includes("\x1b"));
    } finally {
      if (before !== undefined) process.env["NO_COLOR"] = before;
    }
  });

  it("says what it leaves out when there is too much to read", async () => {
    let nowMs = 0;
    const { exporter, text } = debug({ verbosity: "normal", max_lines_per_second: 10 }, false, () => nowMs);
    for (let i = 0; i < 5; i++) exporter.consume(makeSpans(6));
    assert.equal(text().split("\n").length - 1, 12);
    nowMs = 1_000;
    exporter.consume(makeSpans(1));
    assert.ok(text().includes("… 18 more spans, not shown\n"));
    assert.deepEqual(exporter.account.consumed, new Map([["not_shown", 18]]));
    assert.deepEqual([exporter.account.out, exporter.account.held], [13, 0]);
  });

  it("counts and says what stdout does not take", () => {
    const deps = makeExporterDeps();
    const exporter = createDebugExporter("debug", debugSettings.parse({}), deps);
    deps.stdoutError = new Error("write EPIPE");
    exporter.consume(makeSpans(3));
    assert.deepEqual([...exporter.account.lost], [["write_failed", 3]]);
    assert.equal(exporter.account.out, 0);
    assert.match(JSON.stringify(deps.log), /write EPIPE/);
    deps.stdoutError = undefined;
    exporter.consume(makeSpans(2));
    assert.equal(exporter.account.out, 2);
  });
});
