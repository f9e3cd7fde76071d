import assert from "node:assert/strict";
import {
  EventKind,
  HandoverWay,
  TurnPhase,
  UnitEdge,
  type UnitEdgeEvent,
  UnitKind,
} from "../../../../src/bpf/layout.gen.ts";
import type { TraceNode } from "../../../../src/mapping/join/trace-node.ts";
import { HandoverWatch } from "../../../../src/mapping/join/watch/handover-watch.ts";
import { ResumedWatch } from "../../../../src/mapping/join/watch/resumed-watch.ts";
import { WatchPace } from "../../../../src/mapping/join/watch/watch-pace.ts";
import { meta } from "../../../support/meta.ts";

const MS = 1e6;

/** A call of which nothing is known. */
const strayAt = (ms: number, microtasks = 0): TraceNode => {
  const node = { unitKind: UnitKind.nodeAsync, turnId: 4 + TurnPhase.poll, causeId: microtasks };
  const start = { ...meta(1), timestampNs: ms * MS, ...node };
  return { isDecided: false, start } as TraceNode;
};

/** Of a process whose first calls did not need it. */
function tried(): ResumedWatch {
  const watch = new ResumedWatch();
  for (let call = 0; call < 256; call++) watch.called(strayAt(-200).start);
  return watch;
}

/** It is known, too, that it has few microtasks. */
function calm(): ResumedWatch {
  const watch = tried();
  watch.strayed(strayAt(-100), { joined: 0 });
  return watch;
}

const edge = (ms: number, kind: UnitEdge): UnitEdgeEvent => ({
  header: { kind: EventKind.unitEdge, length: 0, timestampNs: ms * MS, tgid: 1, pid: 1 },
  fromId: 0,
  toId: 0,
  fromCreation: 0,
  work: 0,
  edge: kind,
  unitKind: UnitKind.nodeAsync,
});

describe("the pace of what uprobes watch", () => {
  it("is a steady one, with a burst of three seconds of it, however many were over when the first event came", () => {
    const pace = new WatchPace();
    assert.equal(pace.isOver(0 * MS, 5_000_000), false);
    assert.equal(pace.isOver(10 * MS, 5_060_000), false, "a burst");
    assert.equal(pace.isOver(1010 * MS, 5_080_000), false, "20 000 a second");
    assert.equal(pace.isOver(2010 * MS, 5_100_300), true);
    assert.equal(pace.isOver(2020 * MS, 5_160_000), false, "it is judged anew from then on");
    assert.equal(pace.isOver(2021 * MS, 5_161_000), true);
  });

  it("takes the uprobes off a process that has more than their cost allows, for twice as long each time", () => {
    const watch = calm();
    const strays = (ms: number) => Array.from({ length: 3 }, () => watch.strayed(strayAt(ms), { joined: 1 }));
    assert.deepEqual(strays(0), [undefined, true, undefined]);
    assert.equal(watch.told(edge(100, UnitEdge.resumes)), undefined);
    assert.equal(watch.told(edge(500, UnitEdge.resumesOften)), false);
    assert.equal(watch.told(edge(501, UnitEdge.resumesOften)), undefined, "said once");
    assert.deepEqual(strays(60_499), [undefined, undefined, undefined]);
    assert.deepEqual(strays(60_500), [undefined, true, undefined]);
    assert.equal(watch.told(edge(61_000, UnitEdge.resumesOften)), false);
    assert.deepEqual(strays(180_999), [undefined, undefined, undefined]);
    assert.deepEqual(strays(181_000), [undefined, true, undefined]);
  });

  it("lets a process that was calm have bursts, but not one after the other", () => {
    const watch = calm();
    for (let i = 0; i < 2; i++) watch.strayed(strayAt(0), { joined: 1 });
    const often = (ms: number) => watch.told(edge(ms, UnitEdge.resumesOften));
    assert.deepEqual([often(3000), often(12_000)], [undefined, undefined]);
    assert.deepEqual([often(23_000), often(24_000), often(25_000)], [undefined, undefined, false]);
  });

  it("puts none on a process that has too many microtasks, while it has", () => {
    const watch = tried();
    const strays = (ms: number, microtasks: number) =>
      Array.from({ length: 3 }, () => watch.strayed(strayAt(ms, microtasks), { joined: 1 }));
    const none = [undefined, undefined, undefined];
    assert.deepEqual(strays(0, 5_000_000), none, "that is not known yet");
    assert.deepEqual(strays(99, 5_000_100), none);
    assert.deepEqual(strays(100, 5_004_100), none);
    assert.deepEqual(strays(200, 5_008_200), none);
    assert.deepEqual(strays(300, 5_012_200), [undefined, true, undefined]);
    assert.deepEqual(strays(400, 5_118_200), none, "the programs themselves count from then on");
  });

  it("takes the uprobes off a process of which they have told nothing for long, and tries again when it has called more", () => {
    const watch = calm();
    const strays = (count: number) =>
      new Set(Array.from({ length: count }, () => watch.strayed(strayAt(0), { joined: 0 })));
    assert.deepEqual([...strays(5000)], [undefined, true], "they are not there yet");
    watch.told(edge(100, UnitEdge.resumes));
    assert.deepEqual([...strays(4095)], [undefined]);
    assert.deepEqual([...strays(1)], [false]);
    assert.deepEqual([...strays(5000 + 4096 - 1)], [undefined]);
    assert.deepEqual([...strays(1)], [true]);
  });

  it("takes those of hand-overs off for a while, also where most of them found no room", () => {
    const watch = new HandoverWatch();
    const ends = {
      fromId: 5,
      fromCreator: 0,
      fromReadNs: 0,
      fromStartPc: 1,
      toId: 6,
      toCreator: 0,
      toReadNs: 0,
      toStartPc: 1,
      valueType: 0,
    };
    const told = (ms: number, lost: number) => {
      const header = { kind: EventKind.handover, length: 0, timestampNs: ms * MS, tgid: 1, pid: 1 };
      return watch.told({ header, ...ends, way: HandoverWay.gives, lost });
    };
    const stray = (ms: number) => {
      const start = { ...meta(1), timestampNs: ms * MS, causeKind: 0 };
      const unit = { kind: UnitKind.goroutine, hasRead: false };
      return watch.strayed({ isDecided: false, start, unit } as TraceNode, { joined: 1 });
    };
    assert.deepEqual([told(0, 7), told(600, 60_000), told(700, 75_000)], [undefined, undefined, false]);
    assert.deepEqual([stray(701), stray(60_699)], [undefined, undefined]);
    assert.deepEqual([stray(60_700), stray(60_701), stray(60_702)], [undefined, true, undefined]);
  });

  it("ends nothing where nothing is watched, and does not count what other runtimes tell", () => {
    const watch = calm();
    assert.equal(watch.told(edge(0, UnitEdge.resumesOften)), undefined);
    assert.deepEqual(
      [watch.strayed(strayAt(0), { joined: 0 }), watch.strayed(strayAt(0), { joined: 0 })],
      [undefined, true],
    );
    assert.equal(watch.told({ ...edge(0, UnitEdge.creates), unitKind: UnitKind.goroutine }), undefined);
  });
});
