import assert from "node:assert/strict";
import fc from "fast-check";
import { readRpcStatus, readTraceResponse } from "../../../src/mapping/otlp/responses.ts";
import { encodeTraceResponse } from "../../support/otlp-messages.ts";
import { encodeRetryInfoStatus } from "../../support/rpc-status.ts";

describe("readTraceResponse", () => {
  it("reads how many spans were refused and why", () => {
    const bytes = encodeTraceResponse({ rejectedSpans: 3, errorMessage: "too old" });
    assert.deepEqual(readTraceResponse(bytes), { rejectedSpans: 3, message: "too old" });
    assert.deepEqual(readTraceResponse(encodeTraceResponse()), { rejectedSpans: 0, message: "" });
  });

  it("never throws, whatever a server sends", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        readTraceResponse(bytes);
        readRpcStatus(bytes);
      }),
    );
  });
});

describe("readRpcStatus", () => {
  it("finds RetryInfo among the details", () => {
    const bytes = encodeRetryInfoStatus(14, "busy", 2.5);
    assert.deepEqual(readRpcStatus(bytes), { code: 14, message: "busy", retryDelayMs: 2_500 });
  });

  it("has no delay without RetryInfo", () => {
    assert.equal(readRpcStatus(encodeRetryInfoStatus(14, "busy", undefined)).retryDelayMs, undefined);
  });
});
