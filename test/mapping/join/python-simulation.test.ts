import assert from "node:assert/strict";
import { type PythonOptions, type Shape, simulatePython } from "../../support/python-simulation.ts";

const SHAPES: readonly Shape[] = ["gather", "nested", "after", "growing_pool", "sessions", "jobs"];
/** Units that are made for one request each. */
const OWN: readonly Shape[] = ["gather", "nested", "after", "jobs"];

function total(shape: Shape, options: Partial<PythonOptions>) {
  const sum = { right: 0, wrong: 0, none: 0, wrongEvidence: [] as string[] };
  for (const seed of [1, 2, 3]) {
    for (const taskPerRequest of [false, true]) {
      const score = simulatePython({ shape, seed, inFlight: 16, requests: 100, taskPerRequest, ...options });
      sum.right += score.right;
      sum.wrong += score.wrong;
      sum.none += score.none;
      sum.wrongEvidence.push(...score.wrongEvidence);
    }
  }
  return sum;
}

describe("joining what CPython's requests make", function () {
  this.timeout(20_000);

  for (const shape of SHAPES) {
    for (const inFlight of [1, 2, 16]) {
      it(`gives ${shape} no wrong parent at ${inFlight} in flight`, () => {
        const { right, wrong, none, wrongEvidence } = total(shape, { inFlight });
        assert.equal(wrong, 0, wrongEvidence.join(" "));
        if (OWN.includes(shape)) assert.ok(right >= 0.9 * (right + none), `${right} of ${right + none}`);
      });
    }

    it(`gives ${shape} no wrong parent where events are lost and doubled`, () => {
      for (const inFlight of [1, 2, 16]) {
        const { wrong, wrongEvidence } = total(shape, { inFlight, lost: 0.01, doubled: 0.01 });
        assert.equal(wrong, 0, wrongEvidence.join(" "));
      }
    });

    it(`gives ${shape} no wrong parent where makings are told late`, () => {
      for (const inFlight of [1, 2, 16]) {
        const { wrong, wrongEvidence } = total(shape, { inFlight, late: 0.3 });
        assert.equal(wrong, 0, wrongEvidence.join(" "));
      }
    });
  }
});
