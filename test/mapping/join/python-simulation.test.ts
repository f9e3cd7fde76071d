import assert from "node:assert/strict";
import { type PythonOptions, type Shape, simulatePython } from "../../support/python-simulation.ts";

const SHAPES: readonly Shape[] = [
  "gather",
  "nested",
  "after",
  "after_sequence",
  "drainers",
  "growing_pool",
  "sessions",
  "jobs",
];
/** Units that are made for one request each. */
const OWN: readonly Shape[] = ["gather", "nested", "after", "jobs"];
/** The first requests show that such units are made. */
const FLOOR = 0.98;
/** Here time is mostly what goes by between such calls, and pauses leave them without a parent. */
const SEQUENCE_FLOOR = 0.6;
const LIVE_ON: readonly Shape[] = ["growing_pool", "sessions"];
/** Before the answer, by who serves what it has read, also where several requests come at once. */
const AT_ONCE: readonly Shape[] = ["gather", "nested"];

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
  for (const shape of SHAPES) testShape(shape, shape, {});
  const ofTasks = SHAPES.filter((each) => each !== "jobs");
  for (const shape of ofTasks) testShape(`${shape} of greenlets`, shape, { greenlets: true });
  for (const shape of ofTasks) testShape(`${shape} of Trio's tasks`, shape, { trio: true });

  it("takes the turn of a loop for nobody's whose unit was there before the request", () => {
    const { wrong, wrongEvidence } = total("sessions", { inFlight: 1, requests: 400 });
    assert.equal(wrong, 0, wrongEvidence.join(" "));
  });
});

function testShape(name: string, shape: Shape, units: Pick<PythonOptions, "greenlets" | "trio">): void {
  for (const inFlight of [1, 2, 16]) {
    it(`gives ${name} no wrong parent at ${inFlight} in flight`, () => {
      const { right, wrong, none, wrongEvidence } = total(shape, { ...units, inFlight });
      assert.equal(wrong, 0, wrongEvidence.join(" "));
      if (OWN.includes(shape)) assert.ok(right >= FLOOR * (right + none), `${right} of ${right + none}`);
      if (shape === "after_sequence")
        assert.ok(right >= SEQUENCE_FLOOR * (right + none), `${right} of ${right + none}`);
    });
  }

  it(`gives ${name} no wrong parent where events are lost and doubled`, () => {
    for (const inFlight of [1, 2, 16]) {
      const { wrong, wrongEvidence } = total(shape, { ...units, inFlight, lost: 0.01, doubled: 0.01 });
      assert.equal(wrong, 0, wrongEvidence.join(" "));
    }
  });

  it(`gives ${name} no wrong parent where requests come at once on a connection`, () => {
    for (const inFlight of [1, 2, 16]) {
      const { right, wrong, none, wrongEvidence } = total(shape, { ...units, inFlight, pipelined: 4 });
      // What lives on is made by few of them: its first call may be for another one.
      assert.ok(wrong <= (LIVE_ON.includes(shape) ? 1 : 0), wrongEvidence.join(" "));
      if (units.greenlets && AT_ONCE.includes(shape))
        assert.ok(right >= FLOOR * (right + none), `${right} of ${right + none}`);
    }
  });

  if (units.greenlets !== true && units.trio !== true && shape !== "jobs")
    it(`gives ${name} no wrong parent where who has answered begins the connection's next request`, () => {
      for (const inFlight of [1, 2, 16]) {
        const options = { inFlight, pipelined: 4, taskPerRequest: true, beginsNext: true };
        const { wrong, wrongEvidence } = total(shape, options);
        assert.ok(wrong <= (LIVE_ON.includes(shape) ? 1 : 0), wrongEvidence.join(" "));
      }
    });

  it(`gives ${name} no wrong parent where makings are told late`, () => {
    for (const inFlight of [1, 2, 16]) {
      const { wrong, wrongEvidence } = total(shape, { ...units, inFlight, late: 0.3 });
      assert.equal(wrong, 0, wrongEvidence.join(" "));
    }
  });
}
