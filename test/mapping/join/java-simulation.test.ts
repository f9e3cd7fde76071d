import assert from "node:assert/strict";
import { type JavaOptions, simulateJava } from "../../support/java-simulation.ts";

const SEEDS = [1, 2];

/** @returns the share of calls that have their parent */
function recall(options: Omit<JavaOptions, "seed" | "requests" | "concurrency">): number {
  let right = 0;
  let all = 0;
  for (const concurrency of [2, 12])
    for (const seed of SEEDS) {
      const score = simulateJava({ requests: 100, concurrency, seed, ...options });
      assert.deepEqual(score.wrongEvidence, [], `seed ${seed}, ${concurrency} at once`);
      right += score.right;
      all += score.right + score.none;
    }
  return right / all;
}

describe("jobs of a JVM, by their makers", () => {
  it("are of the request whose thread has made them", () => {
    assert.ok(recall({ jobsPerRequest: 3 }) > 0.9);
    assert.ok(recall({ jobsPerRequest: 1, areRequests: true }) > 0.9);
  });

  it("have no parent where who answers has not read: the job may be of the request before", () => {
    recall({ jobsPerRequest: 3, hasReaders: true });
    recall({ jobsPerRequest: 3, hasReaders: true, forgets: 0.5 });
    recall({ jobsPerRequest: 1, hasReaders: true, forgets: 0.5, areRequests: true });
  });

  it("have no parent rather than a wrong one where stretches are short and the heap is collected", () => {
    assert.ok(recall({ jobsPerRequest: 3, stretch: 1024 }) > 0.5);
    assert.ok(recall({ jobsPerRequest: 3, collections: 0.01 }) > 0.3);
    assert.ok(recall({ jobsPerRequest: 2, collections: 0.002, areRequests: true }) > 0.5);
  });

  it("are of the request that is answered before they are done, whatever its thread has read since", () => {
    assert.equal(recall({ jobsPerRequest: 1, forgets: 1 }), 1);
    assert.equal(recall({ jobsPerRequest: 3, forgets: 1, stretch: 65_536 }), 1);
  });

  it("have no wrong parent where requests answer before their jobs are done", () => {
    for (const areRequests of [false, true]) {
      recall({ jobsPerRequest: 2, forgets: 1, areRequests });
      recall({ jobsPerRequest: 2, forgets: 0.5, areRequests, collections: 0.01 });
    }
  });

  it("have no wrong parent where events are lost, or come twice", () => {
    recall({ jobsPerRequest: 3, lost: 0.01, stretch: 2048, collections: 0.003 });
    recall({ jobsPerRequest: 3, doubled: 0.1, hasReaders: true, forgets: 0.3 });
    recall({ jobsPerRequest: 1, lost: 0.02, areRequests: true, forgets: 0.3 });
  });

  it("say nothing of what a job that goes on calls for others", () => {
    recall({ jobsPerRequest: 1, hasConsumer: true });
    recall({ jobsPerRequest: 2, hasConsumer: true, forgets: 0.5 });
  });
});
