import { equal } from "node:assert/strict";
import { stackCheckBytes } from "../../../src/receiver/runtimes/go-handovers.ts";

const code = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(" ", "").padEnd(64, "9"), "hex");

describe("the place of an uprobe in a Go function", () => {
  it("is behind the look at the stack's bound, where the frame pointer is pushed", () => {
    // cmp 0x10(%r14),%rsp; jbe near or short; push %rbp; mov %rsp,%rbp
    equal(stackCheckBytes(code("49 3b 66 10 0f 86 11 01 00 00 55 48 89 e5")), 10);
    equal(stackCheckBytes(code("49 3b 66 10 76 2e 55 48 89 e5")), 6);
    // A large frame: lea -0x48(%rsp),%r12; cmp 0x10(%r14),%r12; jbe
    equal(stackCheckBytes(code("4c 8d 64 24 b8 4d 3b 66 10 0f 86 aa 00 00 00 55")), 15);
  });

  it("is the first instruction, where no such look is made, or something else follows it", () => {
    equal(stackCheckBytes(code("55 48 89 e5 48 83 ec 10")), 0);
    // Before Go 1.21 the frame comes first: sub $0x18,%rsp
    equal(stackCheckBytes(code("49 3b 66 10 76 2e 48 83 ec 18")), 0);
    equal(stackCheckBytes(code("48 83 ec 18")), 0);
    equal(stackCheckBytes(new Uint8Array(0)), 0);
    equal(stackCheckBytes(new Uint8Array([0x49, 0x3b, 0x66])), 0);
  });
});
