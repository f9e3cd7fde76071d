import assert from "node:assert/strict";
import { StackWords } from "../../../src/receiver/profile/stack-words.ts";

const INTERRUPTED = 1n << 63n;
const SCRIPT_FUNCTION = 1n << 62n;
const viewOf = (...words: bigint[]) => new DataView(BigUint64Array.from(words).buffer);

describe("StackWords", () => {
  it("takes marks off, and functions out, of a user stack", () => {
    const shared = 0x7fff_dead_beefn;
    const view = viewOf(0n, 0x7f00_1234_5678n, SCRIPT_FUNCTION | shared, INTERRUPTED | 0x2000n, 0xffff_8000_0000n);
    const { stack, interrupted, scripts } = new StackWords().split(view, 8, 3, 1);
    assert.deepEqual(stack, BigUint64Array.of(0x7f00_1234_5678n, 0x2000n, 0xffff_8000_0000n));
    assert.deepEqual(interrupted, [1]);
    assert.deepEqual(scripts, [{ index: 0, shared: Number(shared) }]);
  });

  it("believes no function before the first frame, and no more frames than were announced", () => {
    const words = new StackWords();
    const { stack, scripts } = words.split(viewOf(SCRIPT_FUNCTION | 1n, 5n, 6n), 0, 1, 2);
    assert.deepEqual([stack, scripts], [BigUint64Array.of(5n), []]);
    assert.equal(words.split(viewOf(), 0, 0, 0).stack.length, 0);
  });

  it("keeps what it gave out, also when an array is full", () => {
    const words = new StackWords();
    const address = (i: number) => 0xffff_ffff_8000_0000n + BigInt(i);
    const stacks = Array.from({ length: 300 }, (_, i) => words.copy(viewOf(...Array(40).fill(address(i))), 0, 40));
    stacks.forEach((stack, i) => {
      assert.ok(stack.every((word) => word === address(i)));
    });
    assert.equal(words.copy(viewOf(...Array(9000).fill(1n)), 0, 9000).length, 9000);
  });
});
