import assert from "node:assert/strict";
import { halveRequest } from "../../../src/mapping/otlp/split-request.ts";
import { splitBySize } from "../../support/encode-spans.ts";
import { decodeTraceRequest, spansOf } from "../../support/otlp-messages.ts";
import { makeResource, makeSpan, makeSpans } from "../../support/spans.ts";

describe("halveRequest", () => {
  it("keeps every span, in order, with its resource and scope", () => {
    const spans = [...makeSpans(3), ...makeSpans(2, { resource: makeResource("cart") })];
    const [request] = splitBySize(spans, Number.POSITIVE_INFINITY);
    const halves = halveRequest(request!)!;
    assert.deepEqual(
      halves.map((half) => half.spanCount),
      [2, 3],
    );
    const whole = decodeTraceRequest(request!.bytes).resourceSpans!;
    const [first, second] = halves.map((half) => decodeTraceRequest(half.bytes).resourceSpans!);
    assert.equal(first!.length, 1, "no resource without spans");
    assert.equal(second!.length, 2);
    assert.deepEqual(second![1], whole[1]);
    assert.deepEqual({ ...first![0], scopeSpans: [] }, { ...whole[0], scopeSpans: [] });
    assert.deepEqual(
      [first!, second!].flatMap((resourceSpans) => spansOf({ resourceSpans })),
      spansOf({ resourceSpans: whole }),
    );
  });

  it("does not cut one span", () => {
    const [request] = splitBySize([makeSpan()], Number.POSITIVE_INFINITY);
    assert.equal(halveRequest(request!), undefined);
  });
});
