import assert from "node:assert/strict";
import { chooseHookSet, type KernelSymbols } from "../../src/bpf/feature.ts";

function kernel(tracepoints: readonly string[], functions: readonly string[]): KernelSymbols {
  return { hasTracepoint: (name) => tracepoints.includes(name), hasFunction: (name) => functions.includes(name) };
}

const NEW = kernel(
  ["tcp_sendmsg_locked", "sock_send_length", "sock_recv_length", "sys_enter", "sys_exit"],
  ["tcp_sendmsg_locked", "tcp_recvmsg"],
);
const OLD = kernel(["sys_enter", "sys_exit"], []);

describe("hook set choice", () => {
  it("offers all sets, best first, on a new kernel", () => {
    assert.deepEqual(chooseHookSet(NEW, "sends", "auto"), { candidates: ["a", "b", "c"], missing: [] });
  });

  it("says what is missing and what that costs on an old one", () => {
    const choice = chooseHookSet(OLD, "receives", "auto");
    assert.deepEqual(choice.candidates, ["c"]);
    assert.match(choice.missing[0]!.feature, /sock_recv_length \(Linux 6\.3\+\)/);
    assert.match(choice.missing[1]!.cost, /every system call/);
  });

  it("takes a forced set alone", () => {
    assert.deepEqual(chooseHookSet(NEW, "receives", "c").candidates, ["c"]);
  });

  it("refuses a forced set that the kernel lacks, by name", () => {
    assert.throws(() => chooseHookSet(OLD, "sends", "a"), { code: "KERNEL_FEATURE_MISSING" });
  });
});
