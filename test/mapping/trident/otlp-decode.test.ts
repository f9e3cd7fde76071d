import assert from "node:assert/strict";
import fc from "fast-check";
import { type Span, SpanKind, StatusCode } from "../../../src/mapping/span.ts";
import { decodeTracesData } from "../../../src/mapping/trident/otlp-decode.ts";
import { encodeTraceRequest } from "../../support/encode-spans.ts";

const span: Span = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  parentSpanId: "b7ad6b7169203331",
  traceState: "a=b",
  flags: 0x301,
  kind: SpanKind.client,
  name: "GET",
  startTimeUnixNano: 1_700_000_000_000_000_001n,
  endTimeUnixNano: 1_700_000_000_000_000_002n,
  attributes: [
    ["s", "text"],
    ["i", 7],
    ["d", 1.5],
    ["b", true],
    ["l", ["x", "y"]],
    ["n", -1],
  ],
  events: [{ timeUnixNano: 5n, name: "e", attributes: [["k", "v"]] }],
  links: [{ traceId: "4bf92f3577b34da6a3ce929d0e0e4737", spanId: "00f067aa0ba902b8", attributes: [["k", 1]] }],
  status: StatusCode.error,
  statusMessage: "no",
  resource: { attributes: [["service.name", "a"]] },
};

describe("OpenTelemetry payloads", () => {
  it("decodes what our encoder writes", () => {
    assert.deepEqual(decodeTracesData(encodeTraceRequest([span])), [span]);
  });

  it("never throws", () => {
    const bytes = encodeTraceRequest([span]);
    fc.assert(
      fc.property(fc.nat(bytes.length), fc.nat(255), fc.uint8Array({ maxLength: 200 }), (at, byte, other) => {
        const damaged = Uint8Array.from(bytes);
        damaged[at % damaged.length] = byte;
        decodeTracesData(damaged);
        decodeTracesData(bytes.subarray(0, at));
        decodeTracesData(other);
      }),
    );
  });
});
