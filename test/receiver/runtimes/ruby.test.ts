import assert from "node:assert/strict";
import { threadOffset } from "../../../src/receiver/runtimes/ruby.ts";

const code = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

describe("the thread of Ruby's execution context", () => {
  it("is where rb_thread_current loads it from", () => {
    // Debian's libruby 3.1.2: sub, the thread-local address, and three loads.
    const known = "4883ec08 66488d3dac e21900 666648e84c50e2ff 488b00 488b4030 488b4010 4883c408 c3";
    assert.equal(threadOffset(code(known)), 0x30);
  });

  it("is not known where the code is another", () => {
    for (const other of [
      "",
      "488b00 488b4030",
      "488b00 488b4031 488b4010",
      "488b00 488b40f8 488b4010",
      "488b00 90 488b4030 488b4010",
    ])
      assert.equal(threadOffset(code(other)), undefined, other);
  });
});
