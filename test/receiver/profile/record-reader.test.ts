import assert from "node:assert/strict";
import { LAYOUT, PROFILE_LAYOUT, ProfileEventKind, SampleKind, StackEnd } from "../../../src/bpf/layout.gen.ts";
import type { StackSample } from "../../../src/mapping/profiles/stack-sample.ts";
import { RecordReader } from "../../../src/receiver/profile/record-reader.ts";

const { sizeBytes, offsets: at } = PROFILE_LAYOUT.stack_sample_event;
const header = LAYOUT.event_header.offsets;
const RING_HEADER_BYTES = 8;

interface Record {
  readonly kind: number;
  readonly tgid: number;
  readonly timestampNs: number;
  readonly valueNs?: number;
  readonly peer?: number;
  readonly end?: number;
  readonly address: bigint;
}

/** A record of one user frame, as it lies in the ring. The thread's number is the process's + 1. */
function recordOf({
  kind,
  tgid,
  timestampNs,
  valueNs = 0,
  peer = 0,
  end = StackEnd.bottom,
  address,
}: Record): DataView {
  const view = new DataView(new ArrayBuffer(RING_HEADER_BYTES + sizeBytes + 8));
  const put = (offset: number) => RING_HEADER_BYTES + offset;
  view.setUint32(0, sizeBytes + 8, true);
  view.setUint32(put(header.kind), ProfileEventKind.stackSample, true);
  view.setUint32(put(header.tgid), tgid, true);
  view.setUint32(put(header.pid), tgid + 1, true);
  view.setBigUint64(put(header.timestamp_ns), BigInt(timestampNs), true);
  view.setBigUint64(put(at.value_ns), BigInt(valueNs), true);
  view.setUint32(put(at.peer_tgid), peer, true);
  view.setUint32(put(at.peer_pid), peer === 0 ? 0 : peer + 1, true);
  view.setUint16(put(at.user_frames), 1, true);
  view.setUint8(put(at.sample_kind), kind);
  view.setUint8(put(at.stack_end), end);
  view.setBigUint64(put(sizeBytes), address, true);
  return view;
}

function read(...records: readonly Record[]) {
  const sampled: number[] = [];
  const reader = new RecordReader({
    unwinding: { missing: () => {}, exited: () => {} },
    interpreters: { resolve: () => undefined, exited: () => {} },
    scripts: { resolve: () => [], exited: () => {} },
    contexts: { sampled: (tgid) => sampled.push(tgid), attributes: async () => [], exited: () => {} },
    isWanted: (tgid) => tgid !== OTHER && tgid !== OWN,
    isOwn: (tgid) => tgid === OWN,
  });
  for (const record of records) reader.read(recordOf(record));
  return { ...reader.take(), ends: reader.ends, sampled };
}

const [WAITS, WAKES, OTHER, OWN] = [100, 200, 300, 400];
const wait = (change: Partial<Record> = {}): Record => ({
  kind: SampleKind.offCpu,
  tgid: WAITS,
  timestampNs: 1000,
  valueNs: 500,
  peer: WAKES,
  address: 0x1000n,
  ...change,
});
const waker = (change: Partial<Record> = {}): Record => ({
  kind: SampleKind.waker,
  tgid: WAKES,
  timestampNs: 1400,
  valueNs: 1000,
  peer: WAITS,
  address: 0x2000n,
  ...change,
});
const wokenBy = ({ waker }: StackSample) => ({
  tgid: waker?.tgid,
  stack: waker?.sample && [...waker.sample.userStack],
});

describe("RecordReader", () => {
  it("gives a wait the stacks of who ended it, which are no sample of their own", () => {
    const { samples, ends } = read(waker(), wait());
    assert.equal(samples.length, 1);
    assert.deepEqual([samples[0]!.timestampNs, samples[0]!.valueNs], [1500, 500]);
    assert.deepEqual(wokenBy(samples[0]!), { tgid: WAKES, stack: [0x2000n] });
    assert.deepEqual(ends, { bottom: 1 });
  });

  it("gives them to that wait alone", () => {
    const { samples } = read(waker(), wait({ timestampNs: 999 }), wait({ tgid: 101 }), wait(), wait());
    assert.deepEqual(
      samples.map((sample) => wokenBy(sample).stack),
      [undefined, undefined, [0x2000n], undefined],
    );
    assert.equal(wokenBy(samples[0]!).tgid, WAKES);
  });

  it("takes wakers that are not looked at themselves, of ours only what the kernel did while they ran", () => {
    const stackOf = (tgid: number) => wokenBy(read(waker({ tgid }), wait()).samples[0]!).stack;
    assert.deepEqual(stackOf(OTHER), [0x2000n]);
    assert.deepEqual(stackOf(OWN), []);
    const own = read(waker({ tgid: OWN }), wait()).samples[0]!.waker;
    assert.deepEqual([own?.tgid, own?.pid, own?.sample?.comm], [0, 0, ""]);
    const { samples, leftOut } = read(waker({ peer: OTHER }), wait({ tgid: OTHER }));
    assert.deepEqual([samples.length, leftOut], [0, 1]);
  });

  it("asks nothing of the idle thread that an interrupt came to", () => {
    const { samples, sampled } = read(waker({ tgid: 0, end: StackEnd.none }), wait({ peer: 0 }));
    assert.deepEqual(wokenBy(samples[0]!).tgid, 0);
    assert.deepEqual(sampled, [WAITS]);
  });
});
