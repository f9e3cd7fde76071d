import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { stackOfPrograms } from "../support/bpf-stack.ts";

/** MAX_BPF_STACK: kernels refuse a program that takes more with what it calls, but for newer ones in some cases. */
const MOST_BYTES = 512;

describe("the stack of a BPF program and of what it calls", () => {
  for (const name of ["socket_trace", "perf_profiler"])
    it(`is what kernels allow: ${name}`, () => {
      const depths = stackOfPrograms(readFileSync(`build/bpf/${name}.bpf.o`));
      assert.ok(depths.size > 0);
      assert.deepEqual(
        [...depths].filter(([, bytes]) => bytes > MOST_BYTES),
        [],
      );
    });

  it("is counted down to the last call", () => {
    const depths = stackOfPrograms(readFileSync("build/bpf/socket_trace.bpf.o"));
    assert.ok(depths.get("trace_sys_exit")! > depths.get("trace_sched_process_exit")!);
    assert.ok([...depths.values()].every((bytes) => bytes > 0 && bytes % 32 === 0));
  });
});
