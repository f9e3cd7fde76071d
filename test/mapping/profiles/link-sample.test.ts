import assert from "node:assert/strict";
import { TurnPhase, UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { EventMeta } from "../../../src/mapping/event-meta.ts";
import { exchangeId } from "../../../src/mapping/ids.ts";
import { decide } from "../../../src/mapping/join/trace-graph.ts";
import { TraceNode } from "../../../src/mapping/join/trace-node.ts";
import { Unit, unitKindOf } from "../../../src/mapping/join/unit.ts";
import { linkSample } from "../../../src/mapping/profiles/link-sample.ts";
import { ServedWork } from "../../../src/mapping/profiles/served-work.ts";
import { SpanLinker } from "../../../src/mapping/profiles/span-linker.ts";
import type { StackSample } from "../../../src/mapping/profiles/stack-sample.ts";
import { meta } from "../../support/meta.ts";
import { makeStackSample } from "../../support/stack-samples.ts";

const MS = 1_000_000;
const TGID = 100;
const TOLD = 1e12;

let lastId = 0;

type Who = Partial<EventMeta>;
const goroutine = (id: number): Who => ({ pid: 101, unitKind: UnitKind.goroutine, coroutineId: id });

/** Plays a process: what it reads and sends at which millisecond. */
class Play {
  readonly work: ServedWork;
  #order = 0;

  constructor(servesByThread = false) {
    this.work = new ServedWork(() => servesByThread);
  }

  at(ms: number, who: Who): EventMeta {
    return meta(++this.#order, { tgid: TGID, timestampNs: ms * MS, ...who });
  }

  reads(ms: number, who: Who): TraceNode {
    const start = this.at(ms, who);
    const node = new TraceNode(
      true,
      exchangeId(++lastId, 1, 0, 0),
      start,
      new Unit(unitKindOf(start), 0),
      {},
      undefined,
    );
    decide(node, undefined, undefined);
    this.work.requestRead(node);
    return node;
  }

  answers(ms: number, who: Who, node: TraceNode): void {
    node.isFinished = true;
    this.work.answered(node, this.at(ms, who));
    this.work.finished(node, ms * MS);
  }

  calls(ms: number, who: Who, parent: TraceNode | undefined): TraceNode {
    const start = this.at(ms, who);
    const node = new TraceNode(
      false,
      exchangeId(++lastId, 2, 0, 0),
      start,
      new Unit(unitKindOf(start), 0),
      {},
      undefined,
    );
    decide(node, parent, "unit");
    this.work.called(node);
    return node;
  }

  link(ms: number, who: Partial<StackSample>): TraceNode | string {
    this.work.drained(TOLD);
    const answer = linkSample(makeStackSample({ tgid: TGID, timestampNs: ms * MS, ...who }), this.work);
    return answer.kind === "served" ? answer.node : answer.kind;
  }
}

describe("linkSample", () => {
  it("a goroutine runs for what it has read, on whatever thread, until it has answered", () => {
    const play = new Play();
    const first = play.reads(1, goroutine(7));
    const second = play.reads(2, goroutine(8));
    play.answers(9, goroutine(7), first);
    const on = (id: number) => ({ pid: 105, unitKind: UnitKind.goroutine, coroutineId: id });
    assert.equal(play.link(5, on(7)), first);
    assert.equal(play.link(5, on(8)), second);
    assert.equal(play.link(10, on(7)), "later", "it may answer another");
    assert.equal(play.link(5, on(9)), "idle");
    assert.equal(play.link(5, { pid: 101 }), "later", "the runtime's own work on that thread is nobody's yet");
  });

  it("a goroutine whose request another has begun to read runs for what it answers", () => {
    const play = new Play();
    const on = { unitKind: UnitKind.goroutine, coroutineId: 7 };
    play.answers(2, goroutine(7), play.reads(1, goroutine(7)));
    const next = play.reads(3, goroutine(99));
    assert.equal(play.link(5, on), "later");
    play.answers(9, goroutine(7), next);
    assert.equal(play.link(5, on), next);
    assert.equal(play.link(2.5, on), "idle");
  });

  it("a goroutine with two requests at once is for neither", () => {
    const play = new Play();
    play.reads(1, goroutine(7));
    play.reads(2, goroutine(7));
    assert.equal(play.link(5, { unitKind: UnitKind.goroutine, coroutineId: 7 }), "unsure");
  });

  it("a thread that waits for its socket alone runs for what it has read", () => {
    const play = new Play();
    const who = { pid: 102, isBlocking: true };
    const node = play.reads(1, who);
    assert.equal(play.link(5, { pid: 102 }), node, "also while it goes on");
    play.answers(9, who, node);
    assert.equal(play.link(5, { pid: 102 }), node);
    assert.equal(play.link(10, { pid: 102 }), "idle");
    assert.equal(play.link(5, { pid: 103 }), "idle");
  });

  it("a thread of an event loop is believed within one turn, between a request and its answer", () => {
    const play = new Play();
    const [first, second] = [play.reads(1, { pid: 100, turnId: 4 }), play.reads(3, { pid: 100, turnId: 8 })];
    play.answers(6, { pid: 100, turnId: 8 }, second);
    play.answers(9, { pid: 100, turnId: 8 }, first);
    assert.equal(play.link(2, { pid: 100, turnId: 4 }), "unsure", "a read came next");
    assert.equal(play.link(5, { pid: 100, turnId: 8 }), second);
    assert.equal(play.link(7, { pid: 100, turnId: 8 }), "unsure", "between the answers of two");
    assert.equal(play.link(5, { pid: 100, turnId: 12 }), "unsure", "something was read in between");
  });

  it("Node: the callback of a read is for that read, and a timer's callback for what it sends", () => {
    const play = new Play();
    const node = { pid: 100, unitKind: UnitKind.nodeAsync };
    const first = play.reads(1, { ...node, turnId: 4 | TurnPhase.poll });
    const second = play.reads(3, { ...node, turnId: 8 | TurnPhase.poll });
    play.answers(9, { ...node, unitId: 55, turnId: 8 | TurnPhase.other }, first);
    play.answers(12, { ...node, unitId: 56, turnId: 8 | TurnPhase.other }, second);
    assert.equal(play.link(2, { ...node, turnId: 4 | TurnPhase.poll }), first);
    assert.equal(play.link(7, { ...node, unitId: 55, turnId: 8 | TurnPhase.other }), first);
    assert.equal(play.link(11, { ...node, unitId: 56, turnId: 8 | TurnPhase.other }), second);
    assert.equal(play.link(11, { ...node, unitId: 57, turnId: 8 | TurnPhase.other }), "unsure");
  });

  it("a task's context runs for what it sends next", () => {
    const play = new Play();
    const context = (unitId: number) => ({ pid: 100, unitKind: UnitKind.pythonContext, unitId });
    const first = play.reads(1, context(1));
    const second = play.reads(2, context(2));
    const call = play.calls(6, context(11), first);
    play.work.replied(call, play.at(8, context(3)));
    play.answers(9, context(11), first);
    play.answers(12, context(12), second);
    assert.equal(play.link(5, context(11)), first);
    assert.equal(play.link(8.5, context(11)), first);
    assert.equal(play.link(11, context(12)), second);
    assert.equal(play.link(0.5, context(11)), "idle");
  });

  it("waits until what happened at that moment has been told", () => {
    const play = new Play();
    const node = play.reads(1, { pid: 102, isBlocking: true });
    const sample = makeStackSample({ tgid: TGID, pid: 102, timestampNs: 5 * MS });
    assert.equal(linkSample(sample, play.work).kind, "later");
    const linker = new SpanLinker(play.work);
    assert.equal(linker.link(sample, 1e9), undefined);
    play.work.drained(TOLD);
    assert.deepEqual(linker.link(sample, 1e9)?.link, {
      traceId: node.ownTraceId,
      spanId: node.spanId,
      isInferred: true,
    });
    assert.equal(linker.account.out, 1);
  });

  it("forgets after a while, and what goes on stays", () => {
    const play = new Play();
    const [gone, open] = [play.reads(1, goroutine(7)), play.reads(1, goroutine(8))];
    play.answers(2, goroutine(7), gone);
    play.work.drained(60e9);
    play.work.advance(60e9);
    assert.equal(play.link(1.5, { unitKind: UnitKind.goroutine, coroutineId: 7 }), "idle");
    assert.equal(play.link(50_000, { unitKind: UnitKind.goroutine, coroutineId: 8 }), open);
  });
});
