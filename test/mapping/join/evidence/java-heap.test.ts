import assert from "node:assert/strict";
import { CauseKind } from "../../../../src/bpf/layout.gen.ts";
import type { EventMeta } from "../../../../src/mapping/event-meta.ts";
import { JavaHeap } from "../../../../src/mapping/join/evidence/java-heap.ts";
import { meta } from "../../../support/meta.ts";

const HEAP = 0x6_0000_0000;
const STRETCH_BYTES = 1024;
const DISTANCES = 2 ** 26;
const MANY = 20_000;

/** A thread has come to `top` in the stretch that begins at `start`. */
function placed(order: number, pid: number, start: number, top: number, endBytes = STRETCH_BYTES): EventMeta {
  const causeRequest = ((top - start) / 8) * DISTANCES + (start + endBytes - top) / 8;
  return meta(order, { pid, causeKind: CauseKind.javaPlace, causeId: top, causeRequest });
}

/** A call is made for an object, which lies in what the thread `owner` fills now. */
function callFor(order: number, object: number, owner: number): EventMeta {
  return meta(order, { pid: 9, causeKind: CauseKind.javaJob, causeId: object, causeRequest: owner });
}

describe("which thread has made an object, and when", () => {
  let heap: JavaHeap;

  beforeEach(() => {
    heap = new JavaHeap();
  });

  const makingOf = (object: number, owner: number): number | undefined =>
    heap.makingOf(callFor(1e6, object, owner))?.order;

  /** Other threads are told of, in many stretches. */
  function others(order: number): void {
    for (let each = 1; each <= MANY; each++) {
      const start = HEAP + (each + 10) * STRETCH_BYTES;
      heap.placed(placed(order + each / MANY, 1000 + (each % 100), start, start + 8));
    }
  }

  it("is told by how far the thread had come at its events", () => {
    heap.placed(placed(1, 5, HEAP, HEAP + 100 * 8));
    heap.placed(placed(2, 5, HEAP, HEAP + 110 * 8));
    assert.equal(makingOf(HEAP + 100 * 8, 5), 1);
    assert.equal(makingOf(HEAP + 109 * 8, 5), 1);
    assert.equal(makingOf(HEAP + 110 * 8, 5), 2);
    assert.equal(makingOf(HEAP + 110 * 8, 6), undefined, "another one has it, by its own words");
  });

  it("is behind its last event, in a stretch that it has had in none so far", () => {
    heap.placed(placed(1, 5, HEAP, HEAP + 8));
    assert.equal(makingOf(HEAP + 5 * STRETCH_BYTES, 5), 1);
  });

  it("is behind its last event before a stretch, below where it was seen there first", () => {
    heap.placed(placed(1, 5, HEAP, HEAP + 8));
    const start = HEAP + 5 * STRETCH_BYTES;
    heap.placed(placed(2, 5, start, start + 64));
    assert.equal(makingOf(start + 8, 5), 1);
    assert.equal(makingOf(start + 64, 5), 2);
  });

  it("goes on in a stretch whose end has moved", () => {
    heap.placed(placed(1, 5, HEAP, HEAP + 8));
    heap.placed(placed(2, 5, HEAP, HEAP + 64, STRETCH_BYTES / 2));
    assert.equal(makingOf(HEAP + 32, 5), 1);
  });

  it("is not known where the thread was told of in a stretch that is forgotten", () => {
    heap.placed(placed(1, 5, HEAP, HEAP + 8));
    heap.placed(placed(2, 5, HEAP, HEAP + 64));
    others(3);
    assert.equal(makingOf(HEAP + 32, 5), undefined);
    heap.placed(placed(4, 5, HEAP, HEAP + 128));
    assert.equal(makingOf(HEAP + 32, 5), undefined, "nor by what is told of it later");
    assert.equal(makingOf(HEAP + 128, 5), 4);
  });

  it("is not known behind another thread's stretch in the same place", () => {
    heap.placed(placed(1, 5, HEAP, HEAP + 8));
    heap.placed(placed(2, 5, HEAP, HEAP + 64));
    heap.placed(placed(3, 6, HEAP + 512, HEAP + 520));
    assert.equal(makingOf(HEAP + 32, 5), undefined);
  });

  it("is not known where an event of the thread between has told no place", () => {
    heap.placed(placed(1, 5, HEAP, HEAP + 8));
    heap.passed(meta(2, { pid: 5 }));
    assert.equal(makingOf(HEAP + 16, 5), undefined, "in the stretch that it had");
    assert.equal(makingOf(HEAP + 5 * STRETCH_BYTES, 5), undefined, "nor in one that it has had in no event");
    heap.placed(placed(3, 5, HEAP, HEAP + 64));
    assert.equal(makingOf(HEAP + 16, 5), undefined, "also when it has gone on");
    assert.equal(makingOf(HEAP + 64, 5), 3);
  });

  it("is told by no stretch from before a collection, but is behind what was then", () => {
    heap.placed(placed(1, 5, HEAP, HEAP + 8));
    heap.placed(placed(2, 5, HEAP, HEAP + 64));
    heap.placed({ ...placed(3, 6, HEAP + 9 * STRETCH_BYTES, HEAP + 9 * STRETCH_BYTES), unitCount: 1 });
    assert.equal(heap.makingOf({ ...callFor(4, HEAP + 16, 5), unitCount: 1 })?.order, 2);
    assert.equal(makingOf(HEAP + 16, 5), undefined, "nothing is known of a call of before");
  });
});
