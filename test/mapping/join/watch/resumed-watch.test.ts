import assert from "node:assert/strict";
import { EventKind, TurnPhase, UnitEdge, UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../../support/events.ts";
import { get, Host, type Link, ok } from "../../../support/host.ts";

const TGID = 500;

/** A loop whose requests call in the callback that has read them, or behind timers: then nothing is known of these calls at once. */
class Loop {
  readonly said: boolean[] = [];
  readonly host = new Host({
    watch: (_, what, isOn) => {
      if (what === "handovers") this.said.push(isOn);
    },
  });
  readonly #inbound: Link;
  readonly #outbound: Link;
  #reads = 1;

  constructor() {
    this.#inbound = this.host.connect({ only: "server", clientAddress: "192.0.2.77" });
    this.#outbound = this.host.connect({ only: "client", serverPort: 9000, clientOffset: 500, serverOffset: 500 });
  }

  serve(calls: "none" | "at once" | "behind a timer" | "behind the answer"): void {
    this.#reads++;
    this.#inbound.serverReads(this.#doer(TurnPhase.poll), get("/a"));
    if (calls === "behind the answer") {
      this.#inbound.answer(this.#doer(TurnPhase.poll), ok());
      this.#outbound.send(this.#doer(TurnPhase.other), get("/a.1"));
      this.#reads++;
      this.#outbound.clientReads(this.#doer(TurnPhase.poll), ok());
      this.host.pass(5);
      return;
    }
    if (calls !== "none") {
      this.#outbound.send(this.#doer(calls === "at once" ? TurnPhase.poll : TurnPhase.other), get("/a.1"));
      this.#reads++;
      this.#outbound.clientReads(this.#doer(TurnPhase.poll), ok());
      // A timer answers, so that nothing tells for whom the call was.
      this.#reads++;
    }
    this.#inbound.answer(this.#doer(TurnPhase.other), ok());
    this.host.pass(5);
  }

  tell(edge: UnitEdge = UnitEdge.resumes): void {
    this.host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: this.host.nowNs, tgid: TGID, pid: TGID },
      fromId: 0,
      toId: this.#doer(TurnPhase.poll).turnId!,
      fromCreation: 0,
      work: 0,
      edge,
      unitKind: UnitKind.nodeAsync,
    });
  }

  #doer(phase: TurnPhase): Doer {
    return { tgid: TGID, unitKind: UnitKind.nodeAsync, turnId: this.#reads * 4 + phase };
  }
}

describe("the watch for async functions that go on", () => {
  it("begins with the first request of a loop, and of no other program", () => {
    const loop = new Loop();
    loop.host.connect({ only: "server" }).serverReads({ tgid: 501 }, get("/a"));
    assert.deepEqual(loop.said, []);
    for (let request = 0; request < 2; request++) loop.serve("none");
    assert.deepEqual(loop.said, [true]);
  });

  it("ends where the first calls did not need it, and comes back when later ones do", () => {
    const loop = new Loop();
    for (let call = 0; call < 255; call++) loop.serve("at once");
    assert.deepEqual(loop.said, [true]);
    loop.serve("at once");
    assert.deepEqual(loop.said, [true, false]);
    // How much else it does is asked first.
    for (let call = 0; call < 50; call++) loop.serve("behind a timer");
    assert.deepEqual(loop.said, [true, false, true]);
  });

  it("ends where requests make no calls", () => {
    const loop = new Loop();
    for (let request = 0; request < 1024; request++) loop.serve("none");
    assert.deepEqual(loop.said, [true, false]);
  });

  it("ends where much goes on for which no call needs it", () => {
    const loop = new Loop();
    loop.serve("none");
    for (let told = 0; told < 4095; told++) loop.tell();
    assert.deepEqual(loop.said, [true]);
    loop.tell();
    assert.deepEqual(loop.said, [true, false]);
  });

  it("stays where calls come behind the answers, soon after requests", () => {
    const loop = new Loop();
    for (let request = 0; request < 1100; request++) loop.serve("behind the answer");
    assert.deepEqual(loop.said, [true, true]);
  });

  it("stays where the first calls need it, until they got nothing by it for long", () => {
    const loop = new Loop();
    for (let call = 0; call < 300; call++) loop.serve("behind a timer");
    assert.deepEqual(loop.said, [true, true]);
    loop.tell();
    for (let call = 0; call < 4096; call++) loop.serve("behind a timer");
    assert.deepEqual(loop.said, [true, true, false]);
  });

  it("ends where there is too much of it, not at the first bursts, and begins with no request while it pauses", () => {
    const loop = new Loop();
    loop.serve("none");
    for (let burst = 0; burst < 2; burst++) loop.tell(UnitEdge.resumesOften);
    assert.deepEqual(loop.said, [true]);
    loop.tell(UnitEdge.resumesOften);
    assert.deepEqual(loop.said, [true, false]);
    for (let call = 0; call < 300; call++) loop.serve("behind a timer");
    assert.deepEqual(loop.said, [true, false], "two seconds later");
    loop.host.pass(60_000);
    for (let call = 0; call < 100; call++) loop.serve("behind a timer");
    assert.deepEqual(loop.said, [true, false, true]);
  });
});
