import assert from "node:assert/strict";
import type { Frame } from "../../../src/mapping/profile.ts";
import { withoutProbe } from "../../../src/mapping/profiles/probe-frames.ts";

const frame = (functionName: string, type = "kernel"): Frame => ({
  address: 1n,
  mapping: undefined,
  type,
  lines: functionName === "" ? [] : [{ functionName, fileName: undefined, lineNumber: 0 }],
});

describe("withoutProbe", () => {
  it("begins where the scheduler does, whichever way the kernel calls programs", () => {
    const stack = [
      ...["bpf_prog_1d2e3e0322437b13_trace_sched_switch", "bpf_trace_run4", "__bpf_trace_sched_switch"],
      ...["__traceiter_sched_switch", "__schedule", "schedule"],
    ].map((name) => frame(name));
    const rest = withoutProbe(stack);
    assert.deepEqual(rest, stack.slice(4));
    assert.equal(withoutProbe(stack), rest);
  });

  it("leaves stacks without it as they are, and everything that is not at the leaf", () => {
    for (const leaf of [frame("__schedule"), frame(""), frame("bpf_trace_run4", "native")]) {
      const stack = [leaf, frame("bpf_trace_run4")];
      assert.equal(withoutProbe(stack), stack);
    }
    const nothing: Frame[] = [];
    assert.equal(withoutProbe(nothing), nothing);
  });
});
