import assert from "node:assert/strict";
import { failureReason } from "../../src/exporter/failure-reason.ts";

describe("failureReason", () => {
  it("is one line that says what to do", () => {
    const text = "write EPROTO 80FC:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../x.c:350:\n";
    assert.equal(
      failureReason(text),
      `${text.trim()} (the server speaks no TLS here: write the endpoint with http://)`,
    );
    const refused = "UNAVAILABLE: No connection established. Last error: Protocol error (2026-01-01T10:00:00.000Z)";
    assert.equal(
      failureReason(`${refused}. Resolution note: `),
      "UNAVAILABLE: No connection established. Last error: Protocol error (it speaks no gRPC here: HTTP's port is for otlp_http)",
    );
  });

  it("knows a server of another protocol behind TLS", () => {
    assert.match(failureReason("tlsv1 alert no application protocol:../x.c:1: SSL alert number 120"), /otlp_http/);
  });

  it("says of a plain connection that TLS may be wanted", () => {
    assert.match(failureReason("socket hang up", true), /https:/);
    assert.equal(failureReason("socket hang up", false), "socket hang up");
  });

  it("cuts what a server says at length", () => {
    assert.equal(failureReason("x".repeat(10_000)), `${"x".repeat(300)}...`);
  });
});
