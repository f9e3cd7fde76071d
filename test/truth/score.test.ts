import assert from "node:assert/strict";
import { precisionOf, recallOf, scoreSpans } from "./score.ts";
import type { TruthSpan } from "./truth-span.ts";

function span(
  side: "server" | "client",
  id: string,
  spanId: string,
  parentSpanId: string | undefined,
  traceId = "t",
): TruthSpan {
  return { id, side, traceId, spanId, parentSpanId, evidence: "unit", threadId: "1", coroutineId: "-", links: [] };
}

function wholeTrace(request: string): TruthSpan[] {
  return [
    span("client", request, `${request}c`, undefined),
    span("server", request, `${request}s`, `${request}c`),
    span("client", `${request}.1`, `${request}.1c`, `${request}s`),
    span("server", `${request}.1`, `${request}.1s`, `${request}.1c`),
  ];
}

const expectation = { prefix: "r", requests: 2, calls: [".1"], attempts: 1 };

describe("truth score", () => {
  it("calls a chain of true parents whole", () => {
    const score = scoreSpans([...wholeTrace("r0"), ...wholeTrace("r1")], expectation);
    assert.equal(score.spansFound, score.spansExpected);
    assert.equal(score.tracesWhole, 2);
    assert.equal(precisionOf(score), 1);
    assert.equal(recallOf(score, expectation), 1);
  });

  it("counts a call under another request's server span as wrong, and says which", () => {
    const spans = [...wholeTrace("r0"), ...wholeTrace("r1")];
    spans[2] = span("client", "r0.1", "r0.1c", "r1s");
    const score = scoreSpans(spans, expectation);
    assert.deepEqual([score.right, score.wrong, score.tracesWhole], [1, 1, 1]);
    assert.equal(precisionOf(score), 0.5);
    const [mistake] = score.mistakes;
    assert.deepEqual([mistake?.span.id, mistake?.parent?.id, mistake?.truth?.id], ["r0.1", "r1", "r0"]);
  });

  it("counts a right parent in another trace as wrong", () => {
    const spans = wholeTrace("r0");
    spans[2] = span("client", "r0.1", "r0.1c", "r0s", "other");
    assert.equal(scoreSpans(spans, expectation).wrong, 1);
  });

  it("counts a server's request under a foreign client as a wrong exchange", () => {
    const spans = wholeTrace("r0");
    spans[3] = span("server", "r0.1", "r0.1s", "r0c");
    const score = scoreSpans(spans, expectation);
    assert.deepEqual([score.exchangesRight, score.exchangesWrong, score.mistakes.length], [1, 1, 1]);
  });

  it("counts a call without a parent as unjoined and a missing one as not recalled", () => {
    const spans = wholeTrace("r0");
    spans[2] = span("client", "r0.1", "r0.1c", undefined);
    const score = scoreSpans(spans, expectation);
    assert.deepEqual([score.unjoined, score.tracesWhole, score.orphans[0]?.id], [1, 0, "r0.1"]);
    assert.equal(recallOf(score, expectation), 0);
  });

  it("follows a hop of the program's own, and takes every attempt of a call", () => {
    const spans = [
      ...wholeTrace("r0"),
      span("client", "r0.1.1", "first", "r0.1s"),
      span("server", "r0.1.1", "firstServed", "first"),
      span("client", "r0.1.1", "second", "r0s"),
      span("server", "r0.1.1", "secondServed", "second"),
    ];
    const hop = { prefix: "r", requests: 1, calls: [".1.1"], attempts: 2 };
    const score = scoreSpans(spans, hop);
    assert.deepEqual([score.right, score.wrong, score.tracesWhole], [1, 1, 0]);
    assert.equal(score.mistakes[0]?.truth?.id, "r0.1");
    assert.equal(recallOf(score, hop), 0.5);
  });
});
