import assert from "node:assert/strict";
import { type LoopOptions, simulateLoop } from "../../support/loop-simulation.ts";

interface Sum {
  right: number;
  wrong: number;
  none: number;
  wrongEvidence: string[];
}

function total(options: Partial<LoopOptions>): Sum {
  const sum: Sum = { right: 0, wrong: 0, none: 0, wrongEvidence: [] };
  for (const seed of [1, 2, 3]) {
    const { right, wrong, none, wrongEvidence } = simulateLoop({ seed, inFlight: 16, requests: 200, ...options });
    sum.right += right;
    sum.wrong += wrong;
    sum.none += none;
    sum.wrongEvidence.push(...wrongEvidence);
  }
  return sum;
}

/** @param share of the calls that must be joined */
function check(options: Partial<LoopOptions>, share: number, inFlights: readonly number[] = [1, 2, 16]): void {
  for (const inFlight of inFlights) {
    const { right, wrong, none, wrongEvidence } = total({ ...options, inFlight });
    assert.equal(wrong, 0, `at ${inFlight}: ${wrongEvidence.join(" ")}`);
    assert.ok(right >= share * (right + none), `at ${inFlight}: ${right} of ${right + none}`);
  }
}

describe("joining in a loop whose phase is read", function () {
  this.timeout(20_000);

  it("finds every call that follows from the read of its request", () => check({}, 0.99));
  it("finds them without Node's ids too", () => check({ hasNoIds: true }, 0.99));
  it("finds calls behind a timer by the callback that answers", () => check({ work: "timer" }, 0.99));
  it("finds calls behind the thread pool by the callback that answers", () => check({ work: "file" }, 0.99));
  it("finds all calls of a fan-out, those that open connections too", () => check({ calls: 3, isParallel: true }, 0.9));
  it("finds calls in sequence", () => check({ calls: 3 }, 0.9));
  it("finds calls that had to queue for a connection", () => check({ pool: 2 }, 0.95));
  it("gives no wrong parent where calls queue and fan out", () => check({ pool: 2, calls: 3, isParallel: true }, 0.3));
  it("gives no wrong parent where calls queue in sequence", () => check({ pool: 2, calls: 3 }, 0.3));
  it("gives no wrong parent behind timers in sequence", () => check({ work: "timer", calls: 3 }, 0.3));
  it("finds all calls that a request makes at once behind a timer", () => check({ letGoAtOnce: 1, calls: 3 }, 0.9));
  it("gives no wrong parent where one timer lets several requests go on", () => {
    for (const calls of [1, 3])
      for (const letGoAtOnce of [2, 3])
        for (const answersLate of [false, "second"] as const) check({ letGoAtOnce, calls, answersLate }, 0);
  });
  it("gives no wrong parent where the timer that lets a request go on makes calls of its own", () => {
    for (const calls of [1, 3])
      assert.deepEqual(total({ letGoAtOnce: 1, calls, reports: true, requests: 100 }).wrongEvidence, []);
  });
  it("gives no wrong parent where answers are put off", () => check({ work: "timer", answersLate: true }, 0));
  it("finds the call of a request that answers late, if it follows from its read", () =>
    check({ answersLate: true }, 0.9));
  it("gives no wrong parent where one call answers several requests", () => check({ sharesCalls: true }, 0));
  it("gives no wrong parent where the pool gives connections to whoever waits longest", () =>
    check({ poolGivesToOldest: true, pool: 8 }, 0.5));
  it("finds the calls of requests that came at once, also where their answers had to wait, if all call at once", () =>
    check({ pipelined: 4, requests: 400 }, 0.8));
  it("finds the calls of requests that came at once, as far as their answers had not to wait", () => {
    for (const options of [{}, { work: "timer" }, { work: "file" }, { pool: 4 }] as const)
      check({ pipelined: 4, ...options }, 0.4);
  });
  it("gives no wrong parent where requests came at once and call several times, or for each other", () => {
    for (const options of [
      { calls: 3 },
      { calls: 3, isParallel: true },
      { answersLate: true },
      { sharesCalls: true },
    ]) {
      for (const work of ["none", "timer"] as const) check({ pipelined: 4, work, ...options }, 0);
    }
  });
  it("finds what goes on behind the answers of all requests", () =>
    check({ awaits: true, behindAnswer: "own", calls: 3, requests: 400 }, 0.7));
  it("gives no wrong parent where one request's function works for others behind their answers", () => {
    for (const behindAnswer of ["worker", "both"] as const) check({ awaits: true, behindAnswer, requests: 400 }, 0);
  });
  it("gives no wrong parent where the phase is not known", () => {
    for (const work of ["none", "timer", "file"] as const) check({ hasNoPhase: true, work }, 0);
  });

  it("gives hardly a wrong parent where events are lost and doubled", () => {
    for (const options of [{}, { work: "timer" }, { work: "file", pool: 4 }, { calls: 3, isParallel: true }] as const) {
      for (const inFlight of [1, 2, 16]) {
        const { wrong, wrongEvidence } = total({ ...options, inFlight, lost: 0.01, doubled: 0.01 });
        assert.ok(wrong <= 1, `${JSON.stringify(options)} at ${inFlight}: ${wrongEvidence.join(" ")}`);
      }
    }
  });

  describe("with async functions", () => {
    it("finds calls behind timers, whatever comes behind them", () => {
      for (const calls of [1, 3])
        for (const isParallel of [false, true])
          for (const answersLate of [false, "second"] as const)
            check({ awaits: true, work: "timer", calls, isParallel, answersLate }, 0.9, [2, 16]);
    });
    it("finds calls that had to queue for a connection", () => {
      for (const isParallel of [false, true]) check({ awaits: true, pool: 4, calls: 3, isParallel }, 0.85, [2, 16]);
    });
    it("gives no wrong parent where calls queue for the only connection", () => {
      for (const work of ["none", "timer"] as const)
        check({ awaits: true, pool: 1, calls: 3, isParallel: true, work }, 0.9, [16]);
    });
    it("gives no wrong parent where what waits for a connection goes on too", () => {
      for (const awaits of [true, "second"] as const)
        for (const answersLate of [false, true, "second"] as const)
          for (const work of ["none", "timer"] as const)
            for (const calls of [1, 3])
              check({ awaits, awaitsPool: true, pool: 4, calls, work, answersLate, requests: 100 }, 0, [16]);
    });
    it("gives no wrong parent where only some handlers are async functions", () => {
      for (const work of ["none", "timer"] as const) check({ awaits: "second", work, calls: 3, pool: 4 }, 0.3);
    });
    it("gives no wrong parent where one call answers several requests", () =>
      check({ awaits: true, sharesCalls: true }, 0));
    it("gives no wrong parent where requests come at once on one connection", () =>
      check({ awaits: true, pipelined: 4, calls: 2, work: "timer" }, 0));
    it("gives no wrong parent where events are lost or doubled", () => {
      for (const [lost, doubled] of [
        [0.02, 0],
        [0, 0.05],
        [0.02, 0.05],
      ] as const)
        check({ awaits: true, work: "timer", calls: 3, lost, doubled }, 0);
    });
  });
});
