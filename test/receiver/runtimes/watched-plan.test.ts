import assert from "node:assert/strict";
import { UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { UnitPlan } from "../../../src/receiver/runtimes/unit-plan.ts";
import { watchedFromStart, withWatched } from "../../../src/receiver/runtimes/watched-plan.ts";

const uprobe = { program: "node_resumes", path: "/opt/node", fileOffset: 1 } as unknown as NonNullable<
  UnitPlan["handovers"]
>[number];
const node: UnitPlan = {
  runtime: "node",
  version: "",
  unitKind: UnitKind.nodeAsync,
  steps: [],
  isFinal: false,
  handovers: [uprobe],
};

describe("what is watched of a process", () => {
  it("are a Node program's async functions from the start, where it was there before", () => {
    assert.deepEqual(watchedFromStart(node), ["handovers"]);
    assert.deepEqual(watchedFromStart({ ...node, unitKind: UnitKind.none }), []);
    assert.deepEqual(watchedFromStart({ runtime: "node", off: "its loop does not run yet" }), []);
  });

  it("are they as long as that is asked for", () => {
    assert.deepEqual(withWatched(node, new Set(["handovers"])).uprobes, [uprobe]);
    assert.deepEqual(withWatched(node, new Set(["jobs"])).uprobes, []);
  });
});
