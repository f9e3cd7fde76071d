import assert from "node:assert/strict";
import { mountedOffsets } from "../../../src/receiver/runtimes/hotspot-continuation.ts";

/** Of JDK 21's Continuation::prepare_thaw, up to its first call, and of 25's. */
const JDK_21 = "554889e541564155415 44c8d25434de80053488b87300500004889fb49633424 4c8b68104c89ef";
const JDK_25 = "554889e541564c8d356b590301415541544989fc53488b87180600004963364c8b68104c89ef";

function code(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

describe("what is mounted on a thread of HotSpot", () => {
  it("is where the code that goes on with it looks", () => {
    assert.deepEqual(mountedOffsets(code(JDK_21)), { continuationEntry: 0x530, continuation: 0x10 });
    assert.deepEqual(mountedOffsets(code(JDK_25)), { continuationEntry: 0x618, continuation: 0x10 });
  });

  it("is not known where the code is another, or cut off", () => {
    assert.equal(mountedOffsets(code("554889e5c3")), undefined);
    assert.equal(mountedOffsets(code(JDK_25).subarray(0, 24)), undefined);
    assert.equal(mountedOffsets(code(JDK_25).subarray(0, 33)), undefined);
    assert.equal(mountedOffsets(code(JDK_25.replace("18060000", "18060070"))), undefined);
    assert.equal(mountedOffsets(new Uint8Array()), undefined);
  });
});
