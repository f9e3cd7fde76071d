import assert from "node:assert/strict";
import { UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { EventMeta } from "../../../../src/mapping/event-meta.ts";
import { JavaRanges } from "../../../../src/mapping/join/evidence/java-ranges.ts";
import { unitKey } from "../../../../src/mapping/join/unit.ts";

const HEAP = 0x6_0000_0000;
const keyOf = (id: number): number => unitKey(UnitKind.jvmVirtualThread, id);

function eventOf(unitId: number, order: number): EventMeta {
  const none = { coroutineId: 0, unitParent: 0, unitCount: 1, turnId: 0, causeKind: 0, causeId: 0, causeRequest: 0 };
  const ids = { tgid: 1, pid: 2, unitKind: UnitKind.jvmVirtualThread, unitId, order };
  return { timestampNs: order, isBlocking: false, isWatched: false, ...ids, ...none };
}

describe("what virtual threads have made", () => {
  it("was made behind the thread's last event before", () => {
    const ranges = new JavaRanges();
    ranges.seen(eventOf(7, 1));
    ranges.seen(eventOf(8, 2));
    ranges.add({ start: HEAP, end: HEAP + 64, unit: keyOf(7) });
    ranges.seen(eventOf(7, 3));
    ranges.add({ start: HEAP + 64, end: HEAP + 128, unit: keyOf(7) });
    ranges.add({ start: HEAP + 256, end: HEAP + 512, unit: keyOf(8) });
    const orders = [0, 56, 64, 120, 256, 504].map((offset) => ranges.makingOf(HEAP + offset)?.order);
    assert.deepEqual(orders, [1, 1, 3, 3, 2, 2]);
    for (const offset of [-8, 128, 512]) assert.equal(ranges.makingOf(HEAP + offset), undefined);
  });

  it("is nobody's where no event of the thread was seen", () => {
    const ranges = new JavaRanges();
    ranges.add({ start: HEAP, end: HEAP + 64, unit: keyOf(7) });
    assert.equal(ranges.makingOf(HEAP), undefined);
  });

  it("is found in all of a long part of the heap", () => {
    const ranges = new JavaRanges();
    ranges.seen(eventOf(7, 1));
    ranges.add({ start: HEAP + 100, end: HEAP + 200_000, unit: keyOf(7) });
    for (const offset of [104, 16_384, 150_000, 199_992]) assert.equal(ranges.makingOf(HEAP + offset)?.order, 1);
  });

  it("is forgotten, the oldest first, where there is too much of it, and when addresses mean nothing any more", () => {
    const ranges = new JavaRanges();
    ranges.seen(eventOf(7, 1));
    const add = (index: number) => {
      ranges.add({ start: HEAP + index * 64, end: HEAP + index * 64 + 64, unit: keyOf(7) });
    };
    for (let index = 0; index < 20_000; index++) add(index);
    assert.equal(ranges.makingOf(HEAP), undefined);
    assert.equal(ranges.makingOf(HEAP + 19_999 * 64)?.order, 1);
    assert.equal(ranges.makingOf(HEAP + 12_000 * 64)?.order, 1);
    ranges.clear();
    assert.equal(ranges.makingOf(HEAP + 19_999 * 64), undefined);
  });
});
