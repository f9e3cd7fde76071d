import assert from "node:assert/strict";
import { type PipeliningOptions, type Style, simulatePipelining } from "../../support/pipelining-simulation.ts";

/** And how many of the calls are to be found. */
const STYLES: readonly (readonly [Style, number])[] = [
  ["pool", 0.9],
  ["own_thread", 0.7],
  ["tasks", 0.8],
  ["goroutines", 0.9],
  ["goroutines_keep_back", 0],
  ["kept_back", 0],
  ["goes_on", 0],
  ["loop", 0],
  ["readers_and_workers", 0],
];

function total(style: Style, options: Partial<PipeliningOptions>) {
  const sum = { right: 0, wrong: 0, none: 0, wrongEvidence: [] as string[] };
  for (const seed of [1, 2, 3, 4]) {
    const score = simulatePipelining({ style, seed, connections: 6, requests: 400, ...options });
    sum.right += score.right;
    sum.wrong += score.wrong;
    sum.none += score.none;
    sum.wrongEvidence.push(...score.wrongEvidence);
  }
  return sum;
}

describe("joining requests that connections bring together", function () {
  this.timeout(20_000);

  for (const [style, share] of STYLES) {
    for (const connections of [1, 2, 6])
      it(`gives ${style} no wrong parent on ${connections} connections`, () => {
        const { right, wrong, none, wrongEvidence } = total(style, { connections });
        assert.equal(wrong, 0, wrongEvidence.join(" "));
        if (connections === 6) assert.ok(right >= share * (right + none), `${right} of ${right + none}`);
      });

    it(`gives ${style} no wrong parent where events are lost and doubled`, () => {
      const { wrong, wrongEvidence } = total(style, { lost: 0.01, doubled: 0.01 });
      assert.ok(wrong <= 1, wrongEvidence.join(" "));
    });
  }
});
