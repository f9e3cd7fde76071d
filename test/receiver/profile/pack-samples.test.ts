import assert from "node:assert/strict";
import { UnitKind } from "../../../src/bpf/layout.gen.ts";
import { packSamples, SampleUnpacker, transferOf } from "../../../src/receiver/profile/pack-samples.ts";
import { makeStackSample } from "../../support/stack-samples.ts";

const LINE = { functionName: "handle", fileName: "/app/server.js", lineNumber: 0 };
const FRAME = { functionName: "view", fileName: "/app/view.py", lineNumber: 7, isEntry: true };
const SAMPLES = [
  makeStackSample({ scriptFrames: [{ index: 1, line: LINE }], interruptedFrames: [2] }),
  makeStackSample({
    kind: "off_cpu",
    valueNs: 2 ** 40 + 1,
    kernelStack: BigUint64Array.of(0xffff_ffff_8100_0000n),
    userStack: new BigUint64Array(),
    waker: { tgid: 3, pid: 4, sample: undefined },
    unitKind: UnitKind.goroutine,
    coroutineId: 2 ** 52,
    isCut: true,
  }),
  makeStackSample({
    kind: "off_cpu",
    valueNs: 5,
    scriptFrames: [{ index: 0, line: LINE }],
    waker: {
      tgid: 5,
      pid: 6,
      sample: makeStackSample({
        tgid: 5,
        pid: 6,
        comm: "waker",
        kernelStack: BigUint64Array.of(0xffff_ffff_8200_0000n),
        userStack: BigUint64Array.of(0x9000n),
        scriptFrames: [{ index: 0, line: LINE }],
      }),
    },
  }),
  makeStackSample({
    comm: "other",
    interpreterStack: { type: "cpython", loopFunctions: ["loop"], frames: [FRAME, { ...FRAME, isEntry: false }] },
    scriptFrames: [{ index: 0, line: LINE }],
    link: { traceId: "1".repeat(32), spanId: "2".repeat(16), isInferred: false },
    contextAttributes: [["http.route", "/1"]],
  }),
];

function sent(unpacker: SampleUnpacker) {
  const packed = packSamples(SAMPLES);
  return unpacker.unpack(structuredClone(packed, { transfer: transferOf(packed) }));
}

describe("packed samples", () => {
  it("are the same on the other side", () => {
    assert.deepEqual(sent(new SampleUnpacker()), SAMPLES);
    assert.equal(packSamples(SAMPLES).count, SAMPLES.length, "a waker is no sample of its own");
    const none = packSamples([]);
    assert.deepEqual(new SampleUnpacker().unpack(none), []);
  });

  it("share their lines, with those of earlier messages too", () => {
    const unpacker = new SampleUnpacker();
    const [first, second] = [sent(unpacker), sent(unpacker)];
    assert.equal(first[0]!.scriptFrames[0]!.line, second[3]!.scriptFrames[0]!.line);
    assert.equal(first[3]!.interpreterStack!.frames[0], second[3]!.interpreterStack!.frames[0]);
  });
});
