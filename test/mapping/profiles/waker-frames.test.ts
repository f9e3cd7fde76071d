import assert from "node:assert/strict";
import type { Frame } from "../../../src/mapping/profile.ts";
import { withWakerFrames } from "../../../src/mapping/profiles/waker-frames.ts";

const line = (functionName: string) => ({ functionName, fileName: undefined, lineNumber: 0 });
const frame = (type: string, ...names: readonly string[]): Frame => ({
  address: 4096n,
  mapping: undefined,
  type,
  lines: names.map(line),
});
const names = (frames: readonly Frame[]) =>
  frames.map(({ lines }) => lines.map(({ functionName }) => functionName).join("+"));

describe("withWakerFrames", () => {
  const blocked = [frame("kernel", "futex_wait"), frame("native", "wait_for_work")];

  it("puts the waker above the wait, from what woke to who it is", () => {
    const waker = [frame("kernel", "try_to_wake_up"), frame("native", "sem_post"), frame("native", "main")];
    const joined = withWakerFrames(blocked, waker, "boss");
    assert.deepEqual(names(joined), [
      "waker:boss",
      "main",
      "sem_post",
      "try_to_wake_up",
      "--waker--",
      "futex_wait",
      "wait_for_work",
    ]);
    assert.equal(withWakerFrames(blocked, waker, "boss"), joined, "the same array for the same stacks");
    assert.equal(names(withWakerFrames(blocked, waker, "other"))[0], "waker:other");
  });

  it("turns what a compiler has put into others round too", () => {
    const waker = [frame("native", "inner", "middle", "outer"), frame("native", "main")];
    assert.deepEqual(names(withWakerFrames(blocked, waker, "boss")).slice(0, 6), [
      "waker:boss",
      "main",
      "outer",
      "middle",
      "inner",
      "--waker--",
    ]);
  });

  it("tells nothing of a waker that has no name, unless an interrupt came to it", () => {
    assert.equal(withWakerFrames(blocked, [frame("kernel", "try_to_wake_up")], ""), blocked);
    const interrupted = [frame("kernel", "hrtimer_wakeup"), frame("kernel", "asm_sysvec_apic_timer_interrupt")];
    assert.equal(names(withWakerFrames(blocked, interrupted, ""))[0], "waker:[interrupt]");
  });

  it("does not blame whom an interrupt came to", () => {
    const waker = [
      frame("kernel", "hrtimer_wakeup"),
      frame("kernel", "sysvec_apic_timer_interrupt"),
      frame("kernel", "asm_sysvec_apic_timer_interrupt"),
      frame("kernel", "vfs_read"),
      frame("native", "innocent"),
    ];
    assert.deepEqual(names(withWakerFrames(blocked, waker, "bystander")), [
      "waker:[interrupt]",
      "asm_sysvec_apic_timer_interrupt",
      "sysvec_apic_timer_interrupt",
      "hrtimer_wakeup",
      "--waker--",
      "futex_wait",
      "wait_for_work",
    ]);
    const named = [frame("native", "asm_sysvec_of_a_program"), frame("native", "main")];
    assert.equal(names(withWakerFrames(blocked, named, "boss"))[0], "waker:boss");
  });
});
