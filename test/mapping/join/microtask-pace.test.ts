import assert from "node:assert/strict";
import { CauseKind, TurnPhase, UnitKind } from "../../../src/bpf/layout.gen.ts";
import { HandoverWatch } from "../../../src/mapping/join/handover-watch.ts";
import { MicrotaskPace } from "../../../src/mapping/join/microtask-pace.ts";
import type { TraceNode } from "../../../src/mapping/join/trace-node.ts";
import { meta } from "../../support/meta.ts";

const at = (ms: number, finished: number) => ({
  ...meta(1),
  timestampNs: 1e12 + ms * 1e6,
  causeKind: CauseKind.nodeMicrotasks,
  causeId: finished,
});

describe("the pace of Node's microtasks", () => {
  it("is judged over half a second and more, however many were over when the first event came", () => {
    const pace = new MicrotaskPace();
    assert.equal(pace.isOver(at(0, 5_000_000)), false);
    assert.equal(pace.isOver(at(10, 5_009_000)), false, "a burst");
    assert.equal(pace.isOver(at(500, 5_010_000)), false);
    assert.equal(pace.isOver(at(2500, 5_050_000)), false, "20 000 a second");
    assert.equal(pace.isOver(at(3500, 5_080_000)), true);
    assert.equal(pace.isOver(at(4500, 5_080_010)), false);
  });

  it("takes the uprobes off a process that has more than their cost allows, for good", () => {
    const watch = new HandoverWatch();
    const start = { ...at(0, 0), unitKind: UnitKind.nodeAsync, turnId: 4 + TurnPhase.poll };
    const stray = { isDecided: false, start } as TraceNode;
    const strays = (count: number) => Array.from({ length: count }, () => watch.strayed(stray, { joined: 1 }));
    assert.deepEqual(strays(3), [undefined, true, undefined]);
    assert.equal(watch.read(at(0, 0)), undefined);
    assert.equal(watch.read(at(1000, 15_000)), undefined);
    assert.equal(watch.read(at(2000, 45_000)), false);
    assert.equal(watch.read(at(3000, 90_000)), undefined, "said once");
    assert.deepEqual([...new Set(strays(5000))], [undefined]);
  });

  it("ends nothing where nothing is watched, and does not count what other runtimes tell", () => {
    const watch = new HandoverWatch();
    assert.equal(watch.read(at(0, 0)), undefined);
    assert.equal(watch.read({ ...at(1000, 1e6), causeKind: CauseKind.none }), undefined);
    assert.equal(watch.read(at(1000, 1e6)), undefined);
  });
});
