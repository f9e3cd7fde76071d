import assert from "node:assert/strict";
import { exchangeId } from "../../../../src/mapping/ids.ts";
import { SentRequests } from "../../../../src/mapping/join/evidence/exchange.ts";
import { TraceNode } from "../../../../src/mapping/join/trace-node.ts";
import { meta } from "../../../support/meta.ts";

describe("SentRequests", () => {
  it("gives each of a pipeline once, by its offset", () => {
    const sent = new SentRequests();
    const nodes = [0, 100, 200].map((offset) => add(sent, offset));
    assert.equal(sent.take(100), nodes[1]);
    assert.equal(sent.take(100), undefined);
    assert.equal(sent.take(200), nodes[2]);
    assert.equal(sent.take(0), nodes[0]);
    assert.equal(sent.take(0), undefined);
  });

  it("forgets what is over, and nothing else at its offset", () => {
    const sent = new SentRequests();
    const [first, last] = [add(sent, 0), add(sent, 100)];
    sent.delete(0, last);
    assert.equal(sent.take(0), first);
    sent.delete(100, last);
    assert.equal(sent.take(100), undefined);
  });

  it("keeps a thousand, and lets the oldest go", () => {
    const sent = new SentRequests();
    const nodes = Array.from({ length: 1026 }, (_, index) => add(sent, index));
    assert.equal(sent.take(0), undefined);
    assert.equal(sent.take(1), nodes[1]);
    assert.equal(sent.take(1025), nodes[1025]);
  });
});

function add(sent: SentRequests, offset: number): TraceNode {
  const node = new TraceNode(false, exchangeId(1, 2, offset, 0), meta(offset), undefined, {}, undefined);
  sent.add(offset, node);
  return node;
}
