import assert from "node:assert/strict";
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../../support/events.ts";
import { get, Host, ok } from "../../../support/host.ts";

const TGID = 500;
const virtual = (unitId: number): Doer => ({ tgid: TGID, unitKind: UnitKind.jvmVirtualThread, unitId });
const JOB = { tgid: TGID, pid: TGID + 9, unitCount: 1, causeKind: CauseKind.javaJob, causeId: 0x9000 };

describe("the watch for what virtual threads make", () => {
  let host: Host;
  let said: boolean[];
  let units: number;

  beforeEach(() => {
    said = [];
    units = 0;
    const watch = (_: number, what: string, isOn: boolean): void => {
      if (what === "jobs") said.push(isOn);
    };
    host = new Host({ watch });
  });

  function serve(hasJob = false): void {
    const unit = virtual(++units);
    const link = host.connect({ only: "server" }).serverReads(unit, get("/a"));
    if (hasJob)
      host.connect({ only: "client", serverPort: 9000 }).send(JOB, get("/a.1")).clientReads({ tgid: TGID }, ok());
    link.answer(unit, ok());
  }

  /** In one second; in the end a request is read. */
  function pause(count: number, { isSilent = false } = {}): void {
    const at = isSilent ? { fromId: 0, toId: 100, fromCreation: 0 } : { fromId: 1, toId: 0x6040, fromCreation: 0x6000 };
    const events = isSilent ? count / 100 : count;
    for (let index = 0; index < events; index++) {
      const header = { kind: EventKind.unitEdge, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID };
      const edge = { header, ...at, work: 1, edge: UnitEdge.makesObjects, unitKind: UnitKind.jvmVirtualThread };
      host.engine.unitEdge(edge);
      host.pass(1000 / events);
    }
    serve();
  }

  it("begins with the first request that a virtual thread reads", () => {
    host.connect({ only: "server" }).serverReads({ tgid: TGID + 1 }, get("/a"));
    assert.deepEqual(said, []);
    for (let request = 0; request < 2000; request++) serve();
    assert.deepEqual(said, [true]);
  });

  it("stays where nobody needs it and it costs little", () => {
    serve();
    for (let second = 0; second < 60; second++) pause(1900);
    assert.deepEqual(said, [true]);
  });

  for (const isSilent of [false, true]) {
    const pauses = isSilent ? "pauses that tell nothing" : "pauses";
    it(`ends where nobody needs it and ${pauses} cost something, and comes back when somebody does`, () => {
      serve();
      for (let second = 0; second < 12; second++) pause(5000, { isSilent });
      assert.deepEqual(said, [true, false]);
      serve(true);
      serve(true);
      serve();
      assert.deepEqual(said, [true, false, true]);
    });
  }

  it("stays where somebody needs it, but for a while where it is too much", () => {
    serve();
    serve(true);
    serve(true);
    for (let second = 0; second < 30; second++) pause(15_000);
    assert.ok(!said.includes(false));
    for (let second = 0; second < 10; second++) pause(30_000);
    assert.deepEqual(said.slice(-1), [false]);
    serve(true);
    serve();
    assert.deepEqual(said.slice(-1), [false]);
    host.pass(60_000);
    for (let call = 0; call < 3; call++) serve(true);
    serve();
    assert.deepEqual(said.slice(-1), [true]);
  });
});
