import assert from "node:assert/strict";
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 900;
const SERVER = 1;
const BEHIND = 2;

interface Task {
  readonly context: number;
  readonly creation: number;
}

/** A program of Trio: a task for each connection, which reads, answers, and makes others. */
class Program {
  readonly host = new Host();
  /** Of a task of Trio: its context was copied for it. */
  readonly #unitParent: number;
  #contexts = 0;

  constructor(unitParent = 1) {
    this.#unitParent = unitParent;
  }

  make(maker: Task | undefined, work: number): Task {
    this.host.nowNs += 1000;
    const creation = this.host.nowNs;
    this.host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: creation, tgid: TGID, pid: TGID },
      fromId: maker?.context ?? 0x7f00_0000,
      toId: creation,
      fromCreation: maker?.creation ?? 0,
      work,
      edge: UnitEdge.creates,
      unitKind: UnitKind.pythonContext,
    });
    return { context: 0x7f10_0000 + 64 * ++this.#contexts, creation };
  }

  by({ context, creation }: Task): Doer {
    const cause = { causeKind: CauseKind.creation, causeId: creation, unitParent: this.#unitParent };
    return { tgid: TGID, pid: TGID, unitKind: UnitKind.pythonContext, unitId: context, ...cause };
  }

  call(task: Task, path: string): void {
    const doer = this.by(task);
    this.host.connect({ only: "client", serverPort: 9000 }).send(doer, get(path)).clientReads(doer, ok());
  }

  /** Connections that bring requests, for which their task makes another one behind each answer, or calls itself. */
  serve(rounds: number, callsItself: boolean): void {
    const served = [1, 2, 3, 4].map(() => ({
      link: this.host.connect({ only: "server" }),
      task: this.make(undefined, SERVER),
    }));
    for (let round = 0; round < rounds; round++) {
      const read = ({ link, task }: { link: Link; task: Task }, index: number) =>
        link.serverReads(this.by(task), get(`/r${round}.${index}`));
      for (const [index, each] of served.entries()) read(each, index);
      const made = served.map(({ link, task }) => {
        link.answer(this.by(task), ok());
        return callsItself ? task : this.make(task, BEHIND);
      });
      for (const [index, task] of made.entries()) this.call(task, `/r${round}.${index}.1`);
    }
    this.host.pass(4000);
  }

  /** Of the calls: how many have the parent that they ought to have; none may have another. */
  right(): number {
    const spans = this.host.end();
    let right = 0;
    for (const span of spans) {
      const path = /\/(r\d+\.\d+)\.1$/.exec(attribute(span, "url.full") ?? "")?.[1];
      const parent = path && spans.find(({ spanId }) => spanId === span.parentSpanId);
      if (!parent) continue;
      assert.equal(attribute(parent, "url.path"), `/${path}`);
      right++;
    }
    return right;
  }
}

describe("tasks of Trio, which read what they serve", () => {
  it("call behind an answer for the request that they have answered", () => {
    const program = new Program();
    program.serve(3, true);
    assert.equal(program.right(), 12);
  });

  it("have made for it what they make behind the answer", () => {
    const program = new Program();
    program.serve(10, false);
    assert.ok(program.right() >= 28, String(program.right()));
  });

  it("are no tasks of asyncio, which are asked otherwise", () => {
    const program = new Program(0);
    program.serve(3, true);
    assert.equal(program.right(), 0);
  });
});
