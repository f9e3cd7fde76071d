import assert from "node:assert/strict";
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 900;
const LOOP: Doer = { tgid: TGID, pid: TGID };

interface Coroutine {
  readonly context: number;
  readonly creation: number;
}

/** A program of Twisted: one thread reads and sends, its coroutines run under contexts of their own. */
class Program {
  readonly host = new Host();
  #contexts = 0;

  make(maker?: Coroutine, work = 1): Coroutine {
    this.host.nowNs += 1000;
    const creation = this.host.nowNs;
    this.host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: creation, tgid: TGID, pid: TGID },
      fromId: maker?.context ?? TGID,
      toId: creation,
      fromCreation: maker?.creation ?? 0,
      work,
      edge: UnitEdge.creates,
      unitKind: maker === undefined ? UnitKind.none : UnitKind.pythonContext,
    });
    return { context: 0x7f10_0000 + 64 * ++this.#contexts, creation };
  }

  /** What is sent by whom, and when that was written. */
  writer({ context, creation }: Coroutine): Doer {
    this.host.nowNs += 1000;
    return {
      ...LOOP,
      unitKind: UnitKind.pythonContext,
      unitId: context,
      causeKind: CauseKind.creation,
      causeId: creation,
      unitCount: this.host.nowNs,
    };
  }

  read(path: string, link = this.host.connect({ only: "server" })): Link {
    return link.serverReads(LOOP, get(path));
  }

  outbound(): Link {
    return this.host.connect({ only: "client", serverPort: 9000 });
  }

  /** Requests that make a coroutine which makes another one that calls, two at once. */
  warm(rounds = 4): void {
    for (let round = 0; round < rounds; round++) {
      const served = [0, 1].map((index) => {
        const link = this.read(`/w${round}.${index}`);
        const own = this.make();
        const child = this.make(own, 2);
        this.outbound()
          .send(this.writer(child), get(`/w${round}.${index}.1`))
          .clientReads(LOOP, ok());
        return { link, own };
      });
      for (const { link, own } of served) link.answer(this.writer(own), ok());
    }
  }

  parentOf(path: string): string | undefined {
    const spans = this.host.end();
    const call = spans.find((span) => attribute(span, "url.full")?.endsWith(path));
    assert.ok(call, path);
    const parent = spans.find(({ spanId }) => spanId === call.parentSpanId);
    return parent && attribute(parent, "url.path");
  }
}

describe("what a loop sends later than it is written", () => {
  it("is for the request that its writer's maker answers", () => {
    const program = new Program();
    program.warm();
    for (const path of ["/w1.0", "/w3.1"]) assert.equal(program.parentOf(`${path}.1`), path);
  });

  it("is not for a request that was answered before its writer was made, in whatever order they are sent", () => {
    const program = new Program();
    program.warm();
    const [link, beside] = [program.read("/first"), program.read("/beside")];
    const own = program.make();
    const answer = program.writer(own);
    // The next request of the connection was there: its coroutine is made by whoever has answered the first.
    const next = program.make(own);
    const call = program.writer(program.make(next, 2));
    program.outbound().send(call, get("/next.1")).clientReads(LOOP, ok());
    link.answer(answer, ok());
    program.read("/next", link).answer(program.writer(next), ok());
    beside.answer(program.writer(program.make()), ok());
    program.host.pass(10_000);
    assert.notEqual(program.parentOf("/next.1"), "/first");
  });

  it("is not for a request that its writer had answered before", () => {
    const program = new Program();
    program.warm();
    const [link, beside] = [program.read("/first"), program.read("/beside")];
    const own = program.make();
    const answer = program.writer(own);
    program.outbound().send(program.writer(own), get("/later.1")).clientReads(LOOP, ok());
    link.answer(answer, ok());
    beside.answer(program.writer(program.make()), ok());
    program.host.pass(10_000);
    assert.notEqual(program.parentOf("/later.1"), "/first");
  });
});
