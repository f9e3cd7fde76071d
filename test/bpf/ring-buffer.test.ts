import assert from "node:assert/strict";
import fc from "fast-check";
import { RingBuffer } from "../../src/bpf/ring-buffer.ts";
import { DISCARD_BIT, forEachRecord, recordSpan } from "../../src/bpf/ring-records.ts";
import { FakeKernelRing, SIZE } from "../support/kernel-ring.ts";

function read(ring: RingBuffer, limitBytes = SIZE): number[][] {
  const stretch = ring.peek(limitBytes);
  const records: number[][] = [];
  const view = new DataView(stretch.buffer, stretch.byteOffset, stretch.length);
  forEachRecord(view, stretch.length, (offset, length) => {
    records.push([...stretch.subarray(offset, offset + length)]);
  });
  ring.release(stretch.length);
  return records;
}

describe("ring buffer", () => {
  it("stops at a record that is reserved and not submitted, and goes on when it is", () => {
    const kernel = new FakeKernelRing();
    const ring = new RingBuffer(kernel);
    const first = kernel.reserve(Uint8Array.of(1))!;
    const second = kernel.reserve(Uint8Array.of(2))!;
    kernel.submit(second, 1);
    assert.deepEqual(read(ring), []);
    assert.equal(ring.isHeadBusy, true);
    kernel.submit(first, 1);
    assert.deepEqual(read(ring), [[1], [2]]);
    assert.equal(ring.isHeadBusy, false);
    assert.equal(ring.pendingBytes, 0);
  });

  it("leaves out discarded records and still gives their room back", () => {
    const kernel = new FakeKernelRing();
    const ring = new RingBuffer(kernel);
    kernel.submit(kernel.reserve(Uint8Array.of(1, 2, 3))!, 3, DISCARD_BIT);
    kernel.submit(kernel.reserve(Uint8Array.of(4))!, 1);
    assert.deepEqual(read(ring), [[4]]);
    assert.equal(Number(kernel.consumerPosition[0]), recordSpan(3) + recordSpan(1));
  });

  it("gives at least one record however small the limit", () => {
    const kernel = new FakeKernelRing();
    const ring = new RingBuffer(kernel);
    for (const byte of [1, 2]) kernel.submit(kernel.reserve(new Uint8Array(100).fill(byte))!, 100);
    assert.equal(read(ring, 1).length, 1);
    assert.equal(read(ring, 1).length, 1);
    assert.equal(read(ring, 1).length, 0);
  });

  it("gives every record once and in order, around the wrap and past 2^32 bytes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ length: fc.nat(700), isDiscarded: fc.boolean(), isRead: fc.boolean() }), {
          maxLength: 60,
        }),
        fc.constantFrom(0, 2 ** 31 - 4096, 2 ** 32 - 4096),
        (steps, startPosition) => {
          const kernel = new FakeKernelRing();
          const ring = startAt(kernel, startPosition);
          const expected: number[] = [];
          const got: number[] = [];
          steps.forEach(({ length, isDiscarded, isRead }, i) => {
            const at = kernel.reserve(new Uint8Array(length + 1).fill(i));
            if (at !== undefined) {
              kernel.submit(at, length + 1, isDiscarded ? DISCARD_BIT : 0);
              if (!isDiscarded) expected.push(i);
            }
            if (isRead) got.push(...read(ring).map((record) => record[0]!));
          });
          got.push(...read(ring).map((record) => record[0]!));
          assert.deepEqual(got, expected);
        },
      ),
    );
  });
});

function startAt(kernel: FakeKernelRing, position: number): RingBuffer {
  kernel.advanceTo(position);
  return new RingBuffer(kernel);
}
