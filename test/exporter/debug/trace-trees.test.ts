import assert from "node:assert/strict";
import { buildTraceTrees, type SpanNode } from "../../../src/exporter/debug/trace-trees.ts";
import { makeSpan } from "../../support/spans.ts";

describe("buildTraceTrees", () => {
  const span = (spanId: string, parentSpanId: string | undefined, start: bigint) =>
    makeSpan({ spanId, parentSpanId, startTimeUnixNano: start });

  it("puts children below their parents, in the order of their start", () => {
    const trees = buildTraceTrees([
      span("d", "a", 4n),
      span("c", "b", 3n),
      span("b", "a", 2n),
      span("a", undefined, 1n),
    ]);
    assert.deepEqual(shape(trees), ["a(b(c)d)"]);
  });

  it("makes roots of spans whose parents are not here", () => {
    assert.deepEqual(shape(buildTraceTrees([span("b", "a", 2n), span("c", undefined, 1n)])), ["c", "b"]);
  });

  it("shows every span when parents go in a circle, or ids are there twice", () => {
    const trees = buildTraceTrees([span("a", "b", 1n), span("b", "a", 2n), span("c", "c", 3n), span("b", "a", 4n)]);
    assert.deepEqual(shape(trees).sort(), ["a(bb)", "c"].sort());
  });
});

function shape(nodes: readonly SpanNode[]): string[] {
  return nodes.map(({ span, children }) =>
    children.length === 0 ? span.spanId : `${span.spanId}(${shape(children).join("")})`,
  );
}
