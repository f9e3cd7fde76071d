import assert from "node:assert/strict";
import { type JavaVirtualOptions, simulateJavaVirtual } from "../../support/java-virtual-simulation.ts";

const SEEDS = [1, 2, 3];

/** @returns the share of calls that have their parent */
function recall(options: Omit<JavaVirtualOptions, "seed" | "requests" | "concurrency">): number {
  let right = 0;
  let all = 0;
  for (const concurrency of [2, 12])
    for (const seed of SEEDS) {
      const score = simulateJavaVirtual({ requests: 100, concurrency, seed, ...options });
      assert.deepEqual(score.wrongEvidence, [], `seed ${seed}, ${concurrency} at once`);
      right += score.right;
      all += score.right + score.none;
    }
  return right / all;
}

describe("jobs of virtual threads, by their makers", () => {
  it("are of the request whose virtual thread has made them", () => {
    assert.ok(recall({ jobsPerRequest: 3 }) > 0.95);
    assert.ok(recall({ jobsPerRequest: 2, areVirtual: true }) > 0.95);
  });

  it("are of the request that was answered before they are done", () => {
    assert.ok(recall({ jobsPerRequest: 1, forgets: 1 }) > 0.8);
    recall({ jobsPerRequest: 2, forgets: 0.5, areVirtual: true });
  });

  it("have no wrong parent where others begin and end on the same carriers", () => {
    assert.ok(recall({ jobsPerRequest: 2, hidden: 0.3 }) > 0.8);
    assert.ok(recall({ jobsPerRequest: 2, hidden: 0.3, areVirtual: true, forgets: 0.5 }) > 0.5);
  });

  it("have no wrong parent where pauses are not seen", () => {
    assert.ok(recall({ jobsPerRequest: 2, unseen: 0.5, hidden: 0.3 }) > 0.3);
  });

  it("have no wrong parent where the heap is collected", () => {
    assert.ok(recall({ jobsPerRequest: 2, collections: 0.02 }) > 0.3);
    recall({ jobsPerRequest: 2, collections: 0.02, hidden: 0.2, areVirtual: true, forgets: 0.5 });
  });

  it("have no wrong parent where events are lost, or come twice", () => {
    recall({ jobsPerRequest: 2, lost: 0.02, hidden: 0.2 });
    recall({ jobsPerRequest: 2, doubled: 0.1, forgets: 0.3 });
  });
});
