import assert from "node:assert/strict";
import { CauseKind, EventKind, HandoverWay, UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../../support/events.ts";
import { get, Host, ok } from "../../../support/host.ts";

const TGID = 500;
const goroutine = (coroutineId: number, over: Partial<Doer> = {}): Doer => ({ tgid: TGID, coroutineId, ...over });
const serving = (id: number): Doer => goroutine(id, { causeKind: CauseKind.goConnection, causeId: 0xa000 + id * 64 });
const writing = (unitId: number): Doer => goroutine(900, { unitKind: UnitKind.goroutine, unitId });

describe("the watch for hand-overs", () => {
  function watched(): { host: Host; said: boolean[] } {
    const said: boolean[] = [];
    const watch = (_: number, what: string, isOn: boolean): void => {
      if (what === "jobs") said.push(isOn);
    };
    return { host: new Host({ watch }), said };
  }

  function handOver(host: Host): void {
    const header = { kind: EventKind.handover, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID };
    const ends = {
      fromId: 5,
      fromCreator: 0,
      fromReadNs: 0,
      fromStartPc: 1,
      toId: 6,
      toCreator: 0,
      toReadNs: 0,
      toStartPc: 1,
    };
    host.engine.handover({ header, ...ends, valueType: 0, way: HandoverWay.releases, lost: 0 });
  }

  function serve(host: Host, caller: number | undefined): void {
    const link = host.connect({ only: "server" }).serverReads(serving(1), get("/a"));
    if (caller !== undefined)
      host
        .connect({ only: "client", serverPort: 9000 })
        .send(writing(caller), get("/a.1"))
        .clientReads(goroutine(901), ok());
    link.answer(goroutine(1), ok());
  }

  it("begins with the first request that a goroutine reads, and no other unit", () => {
    const { host, said } = watched();
    host.connect({ only: "server" }).serverReads({ tgid: 501 }, get("/a"));
    assert.deepEqual(said, []);
    serve(host, undefined);
    serve(host, undefined);
    assert.deepEqual(said, [true]);
  });

  it("ends where the first calls did not need it, and comes back when later ones do", () => {
    const { host, said } = watched();
    for (let call = 0; call < 256; call++) serve(host, 1);
    assert.deepEqual(said, [true, false]);
    for (let call = 0; call < 3; call++) serve(host, 77);
    assert.deepEqual(said, [true, false, true]);
  });

  it("ends where requests make no calls", () => {
    const { host, said } = watched();
    for (let request = 0; request < 1024; request++) serve(host, undefined);
    assert.deepEqual(said, [true, false]);
  });

  it("stays where a pool makes the first calls, until they brought nothing since it has told something", () => {
    const { host, said } = watched();
    for (let call = 0; call < 530; call++) serve(host, 77);
    assert.deepEqual(said, [true, true]);
    handOver(host);
    for (let call = 0; call < 512; call++) serve(host, 77);
    assert.deepEqual(said, [true, true, false]);
    for (let call = 0; call < 4 * 1042; call++) serve(host, 77);
    assert.deepEqual(said, [true, true, false, true]);
  });
});
