import assert from "node:assert/strict";
import { isKernelBefore } from "../../src/bpf/kernel-version.ts";

describe("isKernelBefore", () => {
  it("compares numbers, not text, and leaves the distribution's part alone", () => {
    assert.equal(isKernelBefore(5, 13, "5.4.0-150-generic"), true);
    assert.equal(isKernelBefore(5, 13, "5.13.0"), false);
    assert.equal(isKernelBefore(6, 12, "6.9.12+bpo-amd64"), true);
    assert.equal(isKernelBefore(6, 12, "10.0.1"), false);
  });
});
