import assert from "node:assert/strict";
import fc from "fast-check";
import { traceRequestJson } from "../../../src/mapping/otlp/trace-json.ts";
import { encodeTraceRequest } from "../../support/encode-spans.ts";
import { decodeTraceRequest, normalRequest, type OtlpTraceRequest, spansOf } from "../../support/otlp-messages.ts";
import { arbitrarySpan } from "../../support/span-arbitrary.ts";
import { makeSpan } from "../../support/spans.ts";

describe("traceRequestJson", () => {
  it("writes ids in hex, 64-bit integers as strings, enums as numbers, on one line", () => {
    const json = traceRequestJson([makeSpan({ name: "two\nlines", status: 2 })]);
    assert.ok(!json.includes("\n"));
    const [span] = spansOf(JSON.parse(json) as OtlpTraceRequest);
    assert.equal(span?.traceId, "0af7651916cd43dd8448eb211c80319c");
    assert.equal(span?.startTimeUnixNano, "1790000000123456789");
    assert.equal(span?.kind, 2);
    assert.deepEqual(span?.status, { code: 2 });
    assert.deepEqual(span?.attributes?.[3], { key: "http.response.status_code", value: { intValue: "200" } });
  });

  it("says the same as the protobuf encoding", () => {
    fc.assert(
      fc.property(fc.array(arbitrarySpan, { maxLength: 6 }), (spans) => {
        assert.deepEqual(
          normalRequest(JSON.parse(traceRequestJson(spans)) as OtlpTraceRequest),
          normalRequest(decodeTraceRequest(encodeTraceRequest(spans))),
        );
      }),
    );
  });

  it("replaces lone surrogates, which are no UTF-8", () => {
    const [span] = spansOf(JSON.parse(traceRequestJson([makeSpan({ name: "a\ud800b" })])) as OtlpTraceRequest);
    assert.equal(span?.name, "a\ufffdb");
  });
});
