import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { initialStackPointer } from "../../../src/receiver/runtimes/initial-stack.ts";
import { localProcess } from "../../support/local-process.ts";
import { skip } from "../../support/skip.ts";

/** proc_pid_stat(5), field 28, counted behind the name in parentheses. */
const START_STACK_FIELD = 28 - 3;

describe("initialStackPointer", () => {
  it("finds what the kernel says of this process", async function () {
    const stat = readFileSync("/proc/self/stat", "utf8");
    const expected = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[START_STACK_FIELD]);
    if (expected === 0) skip(this, "the kernel does not tell this user");
    const self = localProcess(process.pid);
    const stack = (await self.mappings()).find(({ path }) => path === "[stack]");
    assert.ok(stack !== undefined);
    const bytes = await self.memory(stack.start, stack.end - stack.start);
    assert.equal(initialStackPointer(bytes, stack.start), expected);
  });

  it("finds nothing where there is no stack's end", () => {
    assert.equal(initialStackPointer(new Uint8Array(4096), 0x7000_0000), undefined);
    assert.equal(initialStackPointer(new Uint8Array(4096).fill(0xff), 0x7000_0000), undefined);
  });
});
