import assert from "node:assert/strict";
import { type JsonSpan, precisionOf, recallOf, scoreSpans } from "./score.ts";

const SERVER = 2;
const CLIENT = 3;

function span(kind: number, path: string, spanId: string, parentSpanId = "", traceId = "t"): JsonSpan {
  const key = kind === SERVER ? "url.path" : "url.full";
  return { traceId, spanId, parentSpanId, kind, attributes: [{ key, value: { stringValue: path } }] };
}

function wholeTrace(request: string): JsonSpan[] {
  return [
    span(CLIENT, `http://a/h/${request}`, `${request}c`),
    span(SERVER, `/h/${request}`, `${request}s`, `${request}c`),
    span(CLIENT, `http://b/h/${request}.1`, `${request}.1c`, `${request}s`),
    span(SERVER, `/h/${request}.1`, `${request}.1s`, `${request}.1c`),
  ];
}

const expectation = { prefix: "r", requests: 2, callsPerRequest: 1 };

describe("truth score", () => {
  it("calls a chain of true parents whole", () => {
    const score = scoreSpans([...wholeTrace("r0"), ...wholeTrace("r1")], expectation);
    assert.equal(score.spansFound, score.spansExpected);
    assert.equal(score.tracesWhole, 2);
    assert.equal(precisionOf(score), 1);
    assert.equal(recallOf(score, expectation), 1);
  });

  it("counts a call under another request's server span as wrong", () => {
    const spans = [...wholeTrace("r0"), ...wholeTrace("r1")];
    spans[2] = span(CLIENT, "http://b/h/r0.1", "r0.1c", "r1s");
    const score = scoreSpans(spans, expectation);
    assert.deepEqual([score.right, score.wrong, score.tracesWhole], [1, 1, 1]);
    assert.equal(precisionOf(score), 0.5);
  });

  it("counts a right parent in another trace as wrong", () => {
    const spans = wholeTrace("r0");
    spans[2] = span(CLIENT, "http://b/h/r0.1", "r0.1c", "r0s", "other");
    assert.equal(scoreSpans(spans, expectation).wrong, 1);
  });

  it("counts a call without a parent as unjoined and a missing one as not recalled", () => {
    const spans = wholeTrace("r0");
    spans[2] = span(CLIENT, "http://b/h/r0.1", "r0.1c");
    const score = scoreSpans(spans, expectation);
    assert.deepEqual([score.unjoined, score.tracesWhole], [1, 0]);
    assert.equal(recallOf(score, expectation), 0);
  });
});
