import assert from "node:assert/strict";
import { carriedBy } from "../../../../src/mapping/join/evidence/carried-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

function read(headers: Readonly<Record<string, string>>, names?: readonly string[]) {
  return carriedBy((name) => headers[name], names);
}

describe("carried context", () => {
  const forms: readonly (readonly [string, Readonly<Record<string, string>>, string, string])[] = [
    ["traceparent", { traceparent: `00-${TRACE}-${SPAN}-01` }, TRACE, SPAN],
    ["a later traceparent with more behind it", { traceparent: `01-${TRACE}-${SPAN}-01-what` }, TRACE, SPAN],
    ["b3 in one header", { b3: `${TRACE}-${SPAN}-1-05e3ac9a4f6e3b90` }, TRACE, SPAN],
    ["b3 with a trace of 64 bits", { b3: `8448eb211c80319c-${SPAN}` }, "00000000000000008448eb211c80319c", SPAN],
    ["b3 in several headers", { "x-b3-traceid": TRACE.toUpperCase(), "x-b3-spanid": SPAN }, TRACE, SPAN],
    ["Jaeger's, zeros left out", { "uber-trace-id": "7b:1c8:0:1" }, "7b".padStart(32, "0"), "1c8".padStart(16, "0")],
    ["Jaeger's in a URL's code", { "uber-trace-id": `${TRACE}%3A${SPAN}%3a0%3A1` }, TRACE, SPAN],
    [
      "Amazon's",
      {
        "x-amzn-trace-id":
          "Self=1-67891234-12456789abcdef012345678;Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
      },
      "5759e988bd862e3fe1be46a994272793",
      "53995c3f42cd8ad8",
    ],
  ];
  for (const [name, headers, traceId, spanId] of forms) {
    it(`reads ${name}`, () => {
      const context = read(headers)?.context;
      assert.deepEqual([context?.traceId, context?.spanId], [traceId, spanId]);
    });
  }

  it("keeps tracestate beside traceparent only", () => {
    const tracestate = "vendor=1";
    assert.equal(read({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate })?.context?.traceState, tracestate);
    assert.equal(read({ b3: `${TRACE}-${SPAN}`, tracestate })?.context?.traceState, undefined);
  });

  it("reads none of what the formats forbid", () => {
    for (const traceparent of [
      `ff-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01-x`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${"0".repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${"0".repeat(16)}-01`,
      "",
    ])
      assert.equal(read({ traceparent }), undefined, traceparent);
    assert.equal(read({ b3: "0" }), undefined);
    assert.equal(read({ "uber-trace-id": "1:2:3" }), undefined);
  });

  it("goes on to the next header where one can't be read", () => {
    assert.equal(read({ traceparent: "nonsense", b3: `${TRACE}-${SPAN}` })?.context?.spanId, SPAN);
  });

  it("takes for a token what names no span", () => {
    assert.equal(read({ sw8: "1-TRACE-SEGMENT-3-a-b-c-d" })?.token, "sw8:1-TRACE-SEGMENT-3-a-b-c-d");
    assert.equal(read({ "x-request-id": " 42 " })?.token, "x-request-id:42");
    const root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    assert.deepEqual(read({ "x-amzn-trace-id": root }), { context: undefined, token: `x-amzn-trace-id:${root}` });
    assert.equal(read({ "x-request-id": "x".repeat(1000) }), undefined);
  });

  it("looks at the configured headers only, in their order", () => {
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, "x-correlation": "7" };
    assert.equal(read(headers, []), undefined);
    assert.deepEqual(read(headers, ["x-correlation"]), { context: undefined, token: "x-correlation:7" });
    assert.equal(read(headers, ["x-correlation", "traceparent"])?.context?.spanId, SPAN);
  });
});
