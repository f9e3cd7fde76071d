import assert from "node:assert/strict";
import { type AfterOptions, type Follower, simulateAfter } from "../../support/after-simulation.ts";

function total(follower: Follower, options: Partial<AfterOptions>) {
  const sum = { right: 0, wrong: 0, none: 0, wrongEvidence: [] as string[] };
  for (const seed of [1, 2, 3]) {
    const score = simulateAfter({ follower, seed, inFlight: 16, requests: 200, ...options });
    sum.right += score.right;
    sum.wrong += score.wrong;
    sum.none += score.none;
    sum.wrongEvidence.push(...score.wrongEvidence);
  }
  return sum;
}

/** Whose calls are told by what they are made by. */
const SURE: readonly Follower[] = [
  "goroutine",
  "greenlet",
  "virtual_thread",
  "child",
  "child_goroutine",
  "context_workers",
];
/** Of whose threads it has to be learnt. */
const THREADS: readonly Follower[] = ["connection_thread", "sequential"];
const OTHERS: readonly Follower[] = [
  "pool_job",
  "pool_threads",
  "stacked_threads",
  "calling_child",
  "growing_pool",
  "pool_at_once",
  "batcher",
  "connection_helper",
  "connection_session",
  "shared_pool",
];

describe("joining what follows an answer", function () {
  this.timeout(20_000);

  for (const follower of [...SURE, ...THREADS, ...OTHERS]) {
    for (const inFlight of [1, 2, 16]) {
      it(`gives ${follower} no wrong parent at ${inFlight} in flight`, () => {
        for (const options of [{}, { closes: true }, { calling: 0.5 }]) {
          const { wrong, wrongEvidence, right, none } = total(follower, { inFlight, ...options });
          assert.equal(wrong, 0, `${wrongEvidence.join(" ")} ${JSON.stringify(options)}`);
          if (SURE.includes(follower) && options.calling === undefined)
            assert.ok(right >= 0.9 * (right + none), `${right} of ${right + none} ${JSON.stringify(options)}`);
        }
      });
    }

    it(`gives ${follower} no wrong parent where events are lost and doubled`, () => {
      for (const inFlight of [1, 2, 16]) {
        const { wrong, wrongEvidence } = total(follower, { inFlight, lost: 0.01, doubled: 0.01 });
        assert.ok(wrong <= 1, wrongEvidence.join(" "));
      }
    });

    if (THREADS.includes(follower))
      it(`finds most calls of ${follower} when it has shown what it is`, () => {
        const { right, none } = total(follower, {});
        assert.ok(right >= 0.7 * (right + none), `${right} of ${right + none}`);
      });

    it(`does not take the pings of ${follower}'s program for a request's`, () => {
      for (const inFlight of [1, 2, 16]) {
        const { wrong, wrongEvidence } = total(follower, { inFlight, pings: 0.01 });
        // One in each run: the first, where the task that makes them is made by one request of many.
        assert.ok(wrong <= 3, wrongEvidence.join(" "));
      }
    });
  }
});
