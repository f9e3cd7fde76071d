import assert from "node:assert/strict";
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 700;

/** Threads of Ruby, each with the creation by which its calls are told. */
class Program {
  readonly host = new Host();
  #nextUnit = 0x7f00_0000;

  thread(): Doer & { readonly unitId: number } {
    this.#nextUnit += 0x100;
    return { tgid: TGID, pid: this.#nextUnit % 9973, unitKind: UnitKind.rubyFiber, unitId: this.#nextUnit };
  }

  make(maker: Doer): Doer {
    this.host.nowNs += 1000;
    const creation = this.host.nowNs;
    this.host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: creation, tgid: TGID, pid: maker.pid ?? TGID },
      fromId: maker.unitId ?? 0,
      toId: creation,
      fromCreation: maker.causeId ?? 0,
      work: 0,
      edge: UnitEdge.creates,
      unitKind: UnitKind.rubyFiber,
    });
    return { ...this.thread(), causeKind: CauseKind.creation, causeId: creation };
  }

  read(by: Doer, path: string): Link {
    return this.host.connect({ only: "server", clientAddress: "192.0.2.77" }).serverReads(by, get(path));
  }

  call(by: Doer, path: string): void {
    this.host.connect({ only: "client", serverPort: 9000 }).send(by, get(path)).clientReads(by, ok());
  }

  /** Three requests that make a thread each, which calls. */
  prove(): void {
    for (const name of ["/p1", "/p2", "/p3"]) {
      const worker = this.thread();
      const link = this.read(worker, name);
      this.call(this.make(worker), `${name}.1`);
      link.answer(worker, ok());
    }
  }

  /** The path of the call's parent. */
  parentOf(path: string): string | undefined {
    const { spans } = this.host;
    const call = spans.find((span) => attribute(span, "url.full")?.endsWith(path));
    assert.ok(call !== undefined, `no span of ${path}`);
    const parent = spans.find(({ spanId }) => spanId === call.parentSpanId);
    return parent && attribute(parent, "url.path");
  }
}

describe("threads that Ruby's threads make", () => {
  it("call for the request of their maker", () => {
    const program = new Program();
    program.prove();
    const [one, two] = [program.thread(), program.thread()];
    const [a, b] = [program.read(one, "/a"), program.read(two, "/b")];
    program.call(program.make(one), "/a.1");
    program.call(program.make(two), "/b.1");
    a.answer(one, ok());
    b.answer(two, ok());
    program.host.pass(1000);
    program.host.end();
    assert.equal(program.parentOf("/a.1"), "/a");
    assert.equal(program.parentOf("/b.1"), "/b");
  });

  it("call for what their maker answers where another thread has read it", () => {
    const program = new Program();
    program.prove();
    const reactor = program.thread();
    const worker = program.make(program.thread());
    const [a, b] = [program.read(reactor, "/a"), program.read(reactor, "/b")];
    program.call(program.make(worker), "/a.1");
    a.answer(worker, ok());
    program.call(program.make(worker), "/b.1");
    b.answer(worker, ok());
    program.host.pass(1000);
    program.host.end();
    assert.equal(program.parentOf("/a.1"), "/a");
    assert.equal(program.parentOf("/b.1"), "/b");
  });

  it("a pool's thread that was made while its maker had a request at hand works for what it takes", () => {
    const program = new Program();
    program.prove();
    const [reactor, one] = [program.thread(), program.thread()];
    const taken = program.read(reactor, "/taken");
    const handed = program.read(one, "/handed");
    const worker = program.make(one);
    program.call(program.make(worker), "/taken.1");
    taken.answer(worker, ok());
    handed.answer(worker, ok());
    program.host.pass(1000);
    program.host.end();
    assert.notEqual(program.parentOf("/taken.1"), "/handed");
  });

  it("a pool's thread that is made before its maker takes the next request, and is at its own for long, is not that one's", () => {
    const program = new Program();
    program.prove();
    const [reactor, one] = [program.thread(), program.thread()];
    const [taken, next] = [program.read(reactor, "/taken"), program.read(reactor, "/next")];
    const worker = program.make(one);
    const upstream = program.host.connect({ only: "client", serverPort: 9000 }).send(worker, get("/taken.1"));
    next.answer(one, ok());
    program.host.pass(1500);
    upstream.clientReads(worker, ok());
    taken.answer(worker, ok());
    program.host.pass(1000);
    program.host.end();
    assert.equal(program.parentOf("/taken.1"), "/taken");
  });

  for (const [name, makes] of [
    ["threads that it makes", true],
    ["itself", false],
  ] as const) {
    it(`a worker that takes what a reactor has read does not go on for what it has answered: ${name}`, () => {
      const program = new Program();
      program.prove();
      const [reactor, worker] = [program.thread(), program.thread()];
      const own = program.read(worker, "/own").answer(worker, ok());
      const slow = program.read(reactor, "/slow");
      program.call(makes ? program.make(worker) : worker, "/slow.1");
      program.host.pass(2000);
      slow.answer(worker, ok());
      own.close();
      program.host.pass(1000);
      program.host.end();
      assert.notEqual(program.parentOf("/slow.1"), "/own");
    });
  }

  it("a worker that has taken one request from a reactor does not go on for what it has answered when it takes others", () => {
    const program = new Program();
    program.prove();
    const [reactor, worker, other] = [program.thread(), program.thread(), program.thread()];
    program.read(reactor, "/r").answer(reactor, ok());
    program.read(worker, "/own").answer(worker, ok());
    const [a, b] = [program.read(reactor, "/a"), program.read(reactor, "/b")];
    program.call(program.make(worker), "/b.1");
    a.answer(other, ok());
    program.host.pass(1000);
    b.answer(worker, ok());
    program.host.pass(1000);
    program.host.end();
    assert.notEqual(program.parentOf("/b.1"), "/own");
  });
});
