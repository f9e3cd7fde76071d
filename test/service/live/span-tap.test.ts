import assert from "node:assert/strict";
import { SpanTap } from "../../../src/service/live/span-tap.ts";
import { makeResource, makeSpan, makeSpans } from "../../support/spans.ts";

describe("span tap", () => {
  it("keeps nothing until somebody asks, then all that comes", () => {
    const tap = new SpanTap(() => 0);
    tap.consume(makeSpans(3));
    const first = tap.answer(undefined);
    assert.deepEqual([first.spans, first.missed], [[], 0]);
    tap.consume([makeSpan({ name: "a", resource: makeResource("shop") }), makeSpan({ name: "b" })]);
    const second = tap.answer(first.next);
    assert.deepEqual(
      second.spans.map(({ name }) => name),
      ["a", "b"],
    );
    assert.equal(second.spans[0]?.service, "shop");
    assert.deepEqual(tap.answer(second.next).spans, []);
  });

  it("serves several watchers, each from where it is", () => {
    const tap = new SpanTap(() => 0);
    const { next } = tap.answer(undefined);
    tap.consume([makeSpan({ name: "a" })]);
    const early = tap.answer(next);
    tap.consume([makeSpan({ name: "b" })]);
    const names = (after: number) => tap.answer(after).spans.map(({ name }) => name);
    assert.deepEqual(names(early.next), ["b"]);
    assert.deepEqual(names(next), ["a", "b"]);
  });

  it("tells how many came faster than they were asked for", () => {
    const tap = new SpanTap(() => 0, 2);
    const { next } = tap.answer(undefined);
    tap.consume(makeSpans(5));
    const { spans, missed, next: last } = tap.answer(next);
    assert.deepEqual([spans.length, missed], [2, 3]);
    assert.equal(tap.answer(last).missed, 0);
  });

  it("stops to keep when nobody has asked for long, and does not hide the gap", () => {
    let nowMs = 0;
    const tap = new SpanTap(() => nowMs);
    const { next } = tap.answer(undefined);
    tap.consume(makeSpans(1));
    nowMs = 60_000;
    tap.consume(makeSpans(2));
    const { spans, missed } = tap.answer(next);
    assert.deepEqual([spans.length, missed], [0, 3]);
  });

  it("begins anew for a number that it never gave", () => {
    const tap = new SpanTap(() => 0);
    tap.consume(makeSpans(1));
    assert.deepEqual(tap.answer(1000), { next: 1, spans: [], missed: 0 });
  });
});
