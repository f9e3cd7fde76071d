import assert from "node:assert/strict";
import { CauseKind, EventKind, HandoverWay, TurnPhase, UnitKind } from "../../../src/bpf/layout.gen.ts";
import { HandoverWatch } from "../../../src/mapping/join/handover-watch.ts";
import { ResumedWatch } from "../../../src/mapping/join/resumed-watch.ts";
import type { TraceNode } from "../../../src/mapping/join/trace-node.ts";
import { WatchPace } from "../../../src/mapping/join/watch-pace.ts";
import { meta } from "../../support/meta.ts";

const at = (ms: number, finished: number) => ({
  ...meta(1),
  timestampNs: 1e12 + ms * 1e6,
  causeKind: CauseKind.nodeMicrotasks,
  causeId: finished,
});

const MS = 1e6;

describe("the pace of what uprobes watch", () => {
  it("is judged over half a second and more, however many were over when the first event came", () => {
    const pace = new WatchPace();
    assert.equal(pace.isOver(0 * MS, 5_000_000), false);
    assert.equal(pace.isOver(10 * MS, 5_009_000), false, "a burst");
    assert.equal(pace.isOver(500 * MS, 5_010_000), false);
    assert.equal(pace.isOver(2500 * MS, 5_050_000), false, "20 000 a second");
    assert.equal(pace.isOver(3500 * MS, 5_080_000), true);
    assert.equal(pace.isOver(4500 * MS, 5_080_010), false);
  });

  it("takes the uprobes off a process that has more than their cost allows, for good", () => {
    const watch = new ResumedWatch();
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

  it("takes those of hand-overs off, also where most of them found no room", () => {
    const watch = new HandoverWatch();
    const ends = { fromId: 5, fromCreator: 0, fromStartPc: 1, toId: 6, toCreator: 0, toStartPc: 1, valueType: 0 };
    const told = (ms: number, lost: number) => {
      const header = { kind: EventKind.handover, length: 0, timestampNs: 1e12 + ms * MS, tgid: 1, pid: 1 };
      return watch.told({ header, ...ends, way: HandoverWay.gives, lost });
    };
    assert.deepEqual(
      [told(0, 7), told(600, 11_000), told(1200, 40_000), told(1201, 41_000)],
      [undefined, undefined, false, undefined],
    );
  });

  it("ends nothing where nothing is watched, and does not count what other runtimes tell", () => {
    const watch = new ResumedWatch();
    assert.equal(watch.read(at(0, 0)), undefined);
    assert.equal(watch.read({ ...at(1000, 1e6), causeKind: CauseKind.none }), undefined);
    assert.equal(watch.read(at(1000, 1e6)), undefined);
  });
});
