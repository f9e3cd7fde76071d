import assert from "node:assert/strict";
import { attribute, Host } from "../../support/host.ts";
import { type Runtime, type Score, type SimulationOptions, simulate } from "../../support/simulation.ts";

const SURE: readonly Runtime[] = [
  "goroutines",
  "context_pool",
  "goroutine_children",
  "tasks_and_connections",
  "greenlets",
  "asyncio",
  "blocking_threads",
  "thread_pool",
  "reader_and_workers",
];
const LOOPS: readonly Runtime[] = ["loop"];
const HARD: readonly Runtime[] = [
  "loop_timer_before_call",
  "loop_timers",
  "stealing_threads",
  "blocking_loop",
  "blocking_stages",
  "shared_loops",
  "callback_loops",
];
const ALL = [...SURE, ...LOOPS, ...HARD];

function total(runtime: Runtime, options: Partial<SimulationOptions>): Omit<Score, "host"> {
  const sum = { right: 0, wrong: 0, none: 0, wrongEvidence: [] as string[] };
  for (const seed of [1, 2, 3]) {
    const score = simulate({ runtime, seed, concurrency: 16, requests: 200, ...options });
    sum.right += score.right;
    sum.wrong += score.wrong;
    sum.none += score.none;
    sum.wrongEvidence.push(...score.wrongEvidence);
  }
  return sum;
}

describe("joining", function () {
  this.timeout(20_000);

  for (const runtime of ALL) {
    for (const concurrency of [1, 2, 16]) {
      it(`gives ${runtime} no wrong parent at ${concurrency} in flight`, () => {
        const { wrong, wrongEvidence, right, none } = total(runtime, { concurrency });
        assert.equal(wrong, 0, wrongEvidence.join(" "));
        if (concurrency === 1 || SURE.includes(runtime)) assert.equal(none, 0, "all are to be found here");
        else if (LOOPS.includes(runtime)) assert.ok(right > 0.85 * (right + none), `${right} of ${right + none}`);
      });
    }

    it(`gives ${runtime} no wrong parent where events are lost and doubled`, () => {
      for (const concurrency of [1, 2, 16]) {
        const { wrong, wrongEvidence } = total(runtime, { concurrency, lost: 0.01, doubled: 0.01 });
        assert.ok(wrong <= 1, wrongEvidence.join(" "));
      }
    });

    it(`does not take ${runtime}'s own calls for a request's, once it has seen what they are`, () => {
      for (const concurrency of [1, 2, 16]) {
        const { wrong, wrongEvidence } = total(runtime, { concurrency, background: 0.02, callsPerRequest: 2 });
        // One in each run: the first of its kind, in the first request.
        assert.ok(wrong <= 3, wrongEvidence.join(" "));
      }
    });
  }

  it("believes no turns of loops that call for each other, however often they were right", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { wrong, wrongEvidence } = simulate({ runtime: "shared_loops", seed, concurrency: 2, requests: 100 });
      assert.equal(wrong, 0, `seed ${seed}: ${wrongEvidence.join(" ")}`);
    }
  });

  for (const runtime of ["thread_pool", "reader_and_workers"] as const) {
    it(`finds the first calls of ${runtime} too, once its threads have proved themselves`, () => {
      const { wrong, none } = total(runtime, { requests: 48 });
      assert.deepEqual({ wrong, none }, { wrong: 0, none: 0 });
    });

    it(`joins what ${runtime} called before its runtime was known`, () => {
      let asked = 0;
      const host = new Host({ areThreadsUnits: () => ++asked > 100 });
      const { wrong, none } = simulate({ runtime, seed: 1, concurrency: 16, requests: 48, host });
      assert.ok(asked > 100);
      assert.deepEqual({ wrong, none }, { wrong: 0, none: 0 });
    });
  }

  it("believes no thread of a process whose runtime may move its work between threads", () => {
    for (const runtime of ["thread_pool", "blocking_threads", "reader_and_workers", "loop"] as const) {
      const host = new Host({ areThreadsUnits: () => false });
      simulate({ runtime, seed: 1, concurrency: 16, requests: 200, host });
      const evidence = host.spans.map((span) => attribute(span, "sockspan.link.evidence"));
      assert.deepEqual(
        evidence.filter((each) => each !== undefined && each !== "single"),
        [],
      );
    }
  });
});
