import assert from "node:assert/strict";
import fc from "fast-check";
import { exchangeId } from "../../../src/mapping/ids.ts";
import { OpenRequests } from "../../../src/mapping/join/open-requests.ts";
import { TraceNode } from "../../../src/mapping/join/trace-node.ts";
import { meta } from "../../support/meta.ts";

describe("OpenRequests", () => {
  it("is a set in the order of its additions", () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(5)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (each) => {
        const nodes = Array.from({ length: 6 }, (_, index) => nodeAt(index));
        const open = new OpenRequests();
        const expected = new Set<TraceNode>();
        for (const [isAdded, index] of each) {
          const node = nodes[index]!;
          if (isAdded) {
            open.add(node);
            expected.add(node);
          } else assert.equal(open.delete(node), expected.delete(node));
          assert.deepEqual([...open], [...expected]);
          assert.equal(open.size, expected.size);
          assert.equal(open.oldest, expected.values().next().value);
          assert.equal(open.has(node), expected.has(node));
        }
      }),
    );
  });

  it("leaves alone what is in another one", () => {
    const [one, other] = [new OpenRequests(), new OpenRequests()];
    const node = nodeAt(1);
    one.add(node);
    assert.equal(other.has(node), false);
    assert.equal(other.delete(node), false);
    assert.equal(one.oldest, node);
  });
});

function nodeAt(order: number): TraceNode {
  return new TraceNode(true, exchangeId(1, 2, order, 0), meta(order), undefined, {}, undefined);
}
