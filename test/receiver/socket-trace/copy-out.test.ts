import assert from "node:assert/strict";
import { RingBuffer } from "../../../src/bpf/ring-buffer.ts";
import { recordSpan } from "../../../src/bpf/ring-records.ts";
import { BatchPool } from "../../../src/receiver/socket-trace/batch-pool.ts";
import { copyOut } from "../../../src/receiver/socket-trace/copy-out.ts";
import { FakeKernelRing } from "../../support/kernel-ring.ts";

const BATCH_BYTES = 1024;
const RECORD = new Uint8Array(100).fill(7);
const SPAN = recordSpan(RECORD.length);

describe("copyOut", () => {
  let kernel: FakeKernelRing;
  let ring: RingBuffer;
  let pool: BatchPool;
  let given: { buffer: ArrayBuffer; lengthBytes: number }[];

  const submit = (count = 1) => {
    for (let i = 0; i < count; i++) kernel.submit(kernel.reserve(RECORD)!, RECORD.length);
  };
  const look = (worthBytes = BATCH_BYTES) =>
    copyOut(ring, pool, (buffer, lengthBytes) => given.push({ buffer, lengthBytes }), worthBytes);

  beforeEach(() => {
    kernel = new FakeKernelRing();
    ring = new RingBuffer(kernel);
    pool = new BatchPool(BATCH_BYTES, 2, 8);
    given = [];
  });

  it("gives what is there at once while the decoder keeps up", () => {
    for (let i = 0; i < 20; i++) {
      submit();
      assert.equal(look(), SPAN);
      pool.giveBack(given[i]!.buffer);
    }
    assert.ok(given.every(({ lengthBytes }) => lengthBytes === SPAN));
  });

  it("fills each batch while the decoder is behind: none of the bounded number is used up half empty", () => {
    for (let i = 0; i < 24; i++) {
      submit();
      look();
    }
    assert.ok(given.length < 8, `${given.length} batches`);
    const last = given.at(-1)!;
    assert.ok(last.lengthBytes > BATCH_BYTES - SPAN && last.lengthBytes <= BATCH_BYTES, `${last.lengthBytes}`);
    pool.giveBack(given[0]!.buffer);
    pool.giveBack(given[1]!.buffer);
    pool.giveBack(given[2]!.buffer);
    look();
    assert.equal(ring.pendingBytes, 0, "it has caught up");
  });

  it("leaves nothing behind when it is the last look", () => {
    submit(6);
    for (let i = 0; i < 5; i++) pool.take();
    assert.equal(look(), 0);
    assert.equal(look(0), 6 * SPAN);
  });

  it("stops when all buffers are with the decoder, and goes on with the first that comes back", () => {
    while (pool.hasRoom) pool.take();
    submit(2);
    assert.equal(look(0), 0);
    pool.giveBack(new ArrayBuffer(BATCH_BYTES));
    assert.equal(look(0), 2 * SPAN);
  });

  it("refuses a record that fits into no batch", () => {
    const large = new Uint8Array(2 * BATCH_BYTES);
    kernel.submit(kernel.reserve(large)!, large.length);
    assert.throws(() => look(), /larger than a batch/);
    assert.equal(pool.lentCount, 0);
  });
});
