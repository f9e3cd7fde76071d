import assert from "node:assert/strict";
import fc from "fast-check";
import { EventFlags } from "../../../src/bpf/layout.gen.ts";
import { StageAccount } from "../../../src/mapping/account.ts";
import { Stream } from "../../../src/mapping/connection/stream.ts";
import { meta } from "../../support/meta.ts";

const LIMITS = { bufferBytes: 1000, maxPieces: 16, waitNs: 1_000_000 };
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
const text = (view: Uint8Array): string => Buffer.from(view).toString("latin1");

function started(limits = LIMITS): { stream: Stream; account: StageAccount } {
  const account = new StageAccount("stream", "bytes");
  const stream = new Stream(account, limits);
  stream.start(0);
  return { stream, account };
}

describe("Stream", () => {
  it("puts any order of overlapping events together, each byte once", () => {
    const whole = Uint8Array.from({ length: 200 }, (_, index) => (index * 7) & 0xff);
    const range = fc.tuple(fc.nat(199), fc.integer({ min: 1, max: 80 }));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.nat(1000), (ranges, seed) => {
        const { stream, account } = started();
        // Every byte is in some event.
        const all = [...ranges, ...Array.from({ length: 10 }, (_, index) => [index * 20, 20] as [number, number])];
        all.sort((left, right) => ((left[0] * 31 + seed) % 17) - ((right[0] * 31 + seed) % 17));
        const seen: number[] = [];
        all.forEach(([from, length], order) => {
          const part = whole.slice(from, from + length);
          stream.push(from, part.length, part, meta(order), 0);
          stream.settle();
          part.fill(0);
          seen.push(...stream.view());
          stream.consume(stream.available);
        });
        assert.deepEqual(Uint8Array.from(seen), whole);
        assert.equal(account.held, 0);
        assert.equal(account.out, 200);
        assert.equal(account.lost.size, 0);
      }),
    );
  });

  it("knows which event brought which byte", () => {
    const { stream } = started();
    stream.push(0, 3, bytes("abc"), meta(1), 0);
    stream.settle();
    stream.push(3, 3, bytes("def"), meta(2), 0);
    assert.equal(stream.metaAt(2)?.order, 1);
    assert.equal(stream.metaAt(3)?.order, 2);
    stream.consume(4);
    assert.equal(stream.endMeta?.order, 2);
    assert.equal(text(stream.view()), "ef");
  });

  it("skips what was not captured, and tells when its end came", () => {
    const { stream, account } = started();
    stream.push(0, 100, bytes("head"), meta(1), EventFlags.truncated);
    stream.consume(150);
    assert.equal(stream.endMeta === undefined, true);
    stream.push(100, 60, bytes("rest"), meta(2), EventFlags.truncated);
    assert.equal(stream.endMeta?.order, 2);
    assert.equal(stream.position, 150);
    assert.equal(stream.obstacle?.isMissing, false);
    stream.skipObstacle();
    assert.deepEqual([...account.lost], [["not_captured", 10]]);
    assert.equal(account.held, 0);
  });

  it("never folds bytes that differ", () => {
    const { stream, account } = started();
    stream.push(0, 4, bytes("abcd"), meta(1, { pid: 1 }), 0);
    stream.settle();
    stream.push(2, 4, bytes("XYef"), meta(2, { pid: 2 }), 0);
    assert.equal(account.lost.get("conflict"), 2);
    assert.equal(text(stream.view()), "ab");
    stream.skipObstacle();
    assert.equal(text(stream.view()), "ef");
    assert.equal(account.lost.get("conflict"), 4);
  });

  it("takes bytes that a flagged event may have wrong for a hole", () => {
    const { stream, account } = started();
    stream.push(0, 4, bytes("abcd"), meta(1), EventFlags.conflict);
    assert.equal(stream.available, 0);
    stream.skipObstacle();
    assert.deepEqual([...account.lost], [["conflict", 4]]);
  });

  it("fills in bytes that the first event could not read", () => {
    const { stream, account } = started();
    stream.push(0, 4, bytes(""), meta(1), EventFlags.faulted);
    assert.ok((stream.obstacle?.waitUntilNs ?? 0) > meta(1).timestampNs);
    stream.push(0, 4, bytes("abcd"), meta(2), 0);
    assert.equal(text(stream.view()), "abcd");
    stream.consume(4);
    assert.equal(account.held, 0);
  });

  it("holds no more than its limit, and counts the rest", () => {
    const { stream, account } = started();
    for (let index = 0; index < 20; index++) {
      stream.push(10 + index * 100, 100, new Uint8Array(100), meta(index), 0);
    }
    stream.end("closed");
    assert.equal(account.lost.get("buffer_full"), 1000);
    assert.equal(account.lost.get("closed"), 1000);
    assert.equal(account.held, 0);
  });

  it("balances its account whatever happens", () => {
    const step = fc.record({
      offset: fc.nat(300),
      length: fc.integer({ min: 0, max: 120 }),
      captured: fc.nat(120),
      byte: fc.constantFrom(1, 2),
      flags: fc.constantFrom(0, 0, 0, EventFlags.faulted, EventFlags.conflict, EventFlags.noBytes),
      next: fc.constantFrom("nothing", "consume", "skip", "discard", "beyond"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { stream, account } = started({ ...LIMITS, bufferBytes: 300 });
        steps.forEach(({ offset, length, captured, byte, flags, next }, order) => {
          const part = new Uint8Array(Math.min(length, captured)).fill(byte);
          stream.push(offset, length, part, meta(order), flags);
          stream.settle();
          if (next === "consume") stream.consume(stream.available >> 1);
          else if (next === "beyond") stream.consume(stream.available + 25);
          else if (next === "discard") stream.discard(stream.available >> 1, "resync");
          else if (next === "skip") stream.skipObstacle();
          assert.ok(account.held >= 0);
        });
        stream.end("closed");
        assert.equal(account.held, 0);
      }),
    );
  });
});
