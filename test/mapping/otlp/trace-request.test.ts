import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import fc from "fast-check";
import { toReadableSpan } from "../../../src/exporter/otlp/readable-span.ts";
import { SCOPE_VERSION } from "../../../src/mapping/otlp/scope.ts";
import type { Span } from "../../../src/mapping/span.ts";
import { encodeTraceRequest, splitBySize } from "../../support/encode-spans.ts";
import { decodeTraceRequest, normalRequest, spansOf } from "../../support/otlp-messages.ts";
import { arbitrarySpan } from "../../support/span-arbitrary.ts";
import { makeResource, makeSpan, makeSpans } from "../../support/spans.ts";

describe("encodeTraceRequest", () => {
  it("writes a span with all its fields", () => {
    const span = makeSpan({
      parentSpanId: "00f067aa0ba902b7",
      traceState: "vendor=1",
      flags: 0x301,
      status: 2,
      statusMessage: "reset",
      attributes: [
        ["text", "größe"],
        ["int", -7],
        ["big", 9_223_372_036_854_775_807n],
        ["bigger", 9_223_372_036_854_775_808n],
        ["double", 1.5],
        ["bool", false],
        ["texts", ["a", "b"]],
        ["mixed", [1, 2.5]],
      ],
      events: [{ timeUnixNano: 1_790_000_000_124_000_000n, name: "read", attributes: [["size", 3]] }],
      links: [
        { traceId: "0af7651916cd43dd8448eb211c80319d", spanId: "b7ad6b7169203332", attributes: [["why", "turn"]] },
      ],
    });
    const request = decodeTraceRequest(encodeTraceRequest([span]));
    assert.deepEqual(spansOf(request)[0], {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      parentSpanId: "00f067aa0ba902b7",
      traceState: "vendor=1",
      flags: 0x301,
      name: "GET",
      kind: 2,
      startTimeUnixNano: "1790000000123456789",
      endTimeUnixNano: "1790000000125000001",
      status: { code: 2, message: "reset" },
      attributes: [
        { key: "text", value: { stringValue: "größe" } },
        { key: "int", value: { intValue: "-7" } },
        { key: "big", value: { intValue: "9223372036854775807" } },
        { key: "bigger", value: { stringValue: "9223372036854775808" } },
        { key: "double", value: { doubleValue: 1.5 } },
        { key: "bool", value: { boolValue: false } },
        { key: "texts", value: { arrayValue: { values: [{ stringValue: "a" }, { stringValue: "b" }] } } },
        { key: "mixed", value: { arrayValue: { values: [{ doubleValue: 1 }, { doubleValue: 2.5 }] } } },
      ],
      events: [
        { timeUnixNano: "1790000000124000000", name: "read", attributes: [{ key: "size", value: { intValue: "3" } }] },
      ],
      links: [
        {
          traceId: "0af7651916cd43dd8448eb211c80319d",
          spanId: "b7ad6b7169203332",
          attributes: [{ key: "why", value: { stringValue: "turn" } }],
        },
      ],
    });
  });

  it("groups by the resource object and keeps the order of the spans", () => {
    const [shop, cart] = [makeResource("shop"), makeResource("cart")];
    const spans = [shop, cart, shop].map((resource, i) => makeSpan({ resource, spanId: `000000000000000${i + 1}` }));
    const request = decodeTraceRequest(encodeTraceRequest(spans));
    assert.deepEqual(
      request.resourceSpans?.map((group) => group.resource?.attributes?.[0]?.value),
      [{ stringValue: "shop" }, { stringValue: "cart" }],
    );
    assert.deepEqual(
      spansOf(request).map((span) => span.spanId.at(-1)),
      ["1", "3", "2"],
    );
    const scopeSpans = request.resourceSpans?.[0]?.scopeSpans?.[0];
    assert.deepEqual(scopeSpans?.scope, { name: "sockspan", version: SCOPE_VERSION });
    assert.match(scopeSpans?.schemaUrl ?? "", /^https:\/\/opentelemetry\.io\/schemas\/1\.\d+\.0$/);
  });

  it("names the version of package.json", () => {
    const manifest = readFileSync(new URL("../../../../package.json", import.meta.url), "utf8");
    assert.equal(SCOPE_VERSION, (JSON.parse(manifest) as { version: string }).version);
  });

  it("says what OpenTelemetry's own serializer says", () => {
    fc.assert(
      fc.property(fc.array(arbitrarySpan, { maxLength: 8 }), (spans) => {
        const oracle = ProtobufTraceSerializer.serializeRequest(spans.map(toReadableSpan));
        assert.deepEqual(
          normalRequest(decodeTraceRequest(encodeTraceRequest(spans))),
          normalRequest(decodeTraceRequest(oracle ?? new Uint8Array(0))),
        );
      }),
    );
  });

  it("never throws on text that is no text", () => {
    const broken = "a\ud800b\udfff";
    const span = makeSpan({ name: broken, attributes: [[broken, broken.repeat(50)]] });
    const [decoded] = spansOf(decodeTraceRequest(encodeTraceRequest([span])));
    assert.equal(decoded?.name, "a\ufffdb\ufffd");
    assert.equal(decoded?.attributes?.[0]?.value["stringValue"], "a\ufffdb\ufffd".repeat(50));
  });

  it("is empty for no spans", () => {
    assert.equal(encodeTraceRequest([]).length, 0);
  });
});

describe("splitBySize", () => {
  it("keeps every request below the limit and every span in order", () => {
    const spans = [
      ...makeSpans(3_000),
      ...makeSpans(3_000, { resource: makeResource("cart") }),
      makeSpan({ name: "n".repeat(60_000) }),
    ];
    const requests = splitBySize(spans, 400_000);
    for (const request of requests) assert.ok(request.bytes.length <= 400_000);
    assert.ok(requests.length <= Math.ceil(encodeTraceRequest(spans).length / (400_000 - 65_536 - 500)));
    assert.deepEqual(
      requests.map((request) => request.spanCount).reduce((a, b) => a + b),
      spans.length,
    );
    const sent = requests.flatMap((request) => spansOf(decodeTraceRequest(request.bytes)));
    assert.deepEqual(
      sent.map((span) => [span.spanId, span.name?.length]).sort(),
      spans.map((span) => [span.spanId, span.name.length]).sort(),
    );
  });

  it("sends a span that is above the limit by itself", () => {
    const spans: Span[] = [makeSpan(), makeSpan({ name: "n".repeat(100_000) }), makeSpan()];
    const counts = splitBySize(spans, 50_000).map((request) => [request.spanCount, request.bytes.length > 50_000]);
    assert.deepEqual(counts, [
      [1, false],
      [1, true],
      [1, false],
    ]);
  });
});
