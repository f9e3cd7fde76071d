import assert from "node:assert/strict";
import fc from "fast-check";
import { readExportResponse, readRpcStatus } from "../../../src/mapping/otlp/responses.ts";
import { encodeTraceResponse } from "../../support/otlp-messages.ts";
import { encodeRetryInfoStatus } from "../../support/rpc-status.ts";

describe("readExportResponse", () => {
  it("reads how many spans were refused and why", () => {
    const bytes = encodeTraceResponse({ rejectedSpans: 3, errorMessage: "too old" });
    assert.deepEqual(readExportResponse(bytes), { rejectedItems: 3, message: "too old" });
    assert.deepEqual(readExportResponse(encodeTraceResponse()), { rejectedItems: 0, message: "" });
  });

  it("doubts what is no message, and reads no count out of it", () => {
    const none = { rejectedItems: 0, message: "its answer is no protobuf" };
    assert.deepEqual(readExportResponse(new TextEncoder().encode("OK, thank you")), none);
    const bytes = encodeTraceResponse({ rejectedSpans: 3, errorMessage: "too old" });
    assert.deepEqual(readExportResponse(bytes.subarray(0, -1)), none);
    assert.deepEqual(readExportResponse(Uint8Array.of(0x0a, 0x02, 0x08, 0x83)), none, "cut inside");
    assert.deepEqual(readExportResponse(Uint8Array.of(0x78, 0x01)), { rejectedItems: 0, message: "" }, "unknown field");
  });

  it("never throws, whatever a server sends", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        readExportResponse(bytes);
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
