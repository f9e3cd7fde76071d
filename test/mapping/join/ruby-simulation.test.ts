import assert from "node:assert/strict";
import { type RubyOptions, simulateRuby } from "../../support/ruby-simulation.ts";

function total(options: Partial<RubyOptions>) {
  const sum = { right: 0, wrong: 0, none: 0, wrongEvidence: [] as string[] };
  for (const seed of [1, 2, 3, 4]) {
    const score = simulateRuby({ seed, requests: 400, byReactor: 0, ...options });
    sum.right += score.right;
    sum.wrong += score.wrong;
    sum.none += score.none;
    sum.wrongEvidence.push(...score.wrongEvidence);
  }
  return sum;
}

describe("joining what threads of Ruby call", function () {
  this.timeout(20_000);

  for (const byReactor of [0, 0.1, 0.5, 1])
    it(`gives no wrong parent where a reactor reads ${byReactor * 100} % of the requests`, () => {
      const { right, wrong, none, wrongEvidence } = total({ byReactor });
      assert.equal(wrong, 0, wrongEvidence.join(" "));
      assert.ok(right >= 0.9 * (right + none), `${right} of ${right + none}`);
    });

  it("gives none where threads are made behind the answer", () => {
    const { wrong, wrongEvidence } = total({ behind: 0.3 });
    assert.equal(wrong, 0, wrongEvidence.join(" "));
  });

  for (const byReactor of [0, 0.5])
    it(`gives hardly any where events are lost and doubled and a reactor reads ${byReactor * 100} %`, () => {
      const { wrong, wrongEvidence } = total({ byReactor, lost: 0.01, doubled: 0.01 });
      assert.ok(wrong <= 1, wrongEvidence.join(" "));
    });
});
