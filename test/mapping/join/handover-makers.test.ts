import assert from "node:assert/strict";
import { CauseKind, EventKind, HandoverWay } from "../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../support/events.ts";
import { get, Host, ok } from "../../support/host.ts";
import { type Score, score } from "../../support/simulation.ts";

const TGID = 500;
const HANDS_OVER = 0x40_0000;
const WORKS = 0x41_0000;
const JOB_TYPE = 0x70_0000;
const CONNECTIONS = 4;
const ROUNDS = 40;

/**
 * Goroutines that hand a job to a worker, and wait for it, when whoever has made them has answered and has read the
 * connection's next request.
 *
 * @param isDispatcher the first request of a connection makes one, which hands over the jobs of all of the connection
 */
function simulate(isDispatcher: boolean): Score {
  const host = new Host();
  const links = Array.from({ length: CONNECTIONS }, () => host.connect({ only: "server" }));
  const workers = links.map((_, index) => ({ goid: 100 + index, upstream: host.connect({ only: "client" }) }));
  const firstReads: number[] = [];
  let next = 0;
  let later: (() => void)[] = [];

  const giver = (goid: number, maker: number, readNs: number) => ({ goid, maker, readNs, startPc: HANDS_OVER });
  type End = ReturnType<typeof giver>;
  const handOver = (from: End, to: End, way: HandoverWay): void =>
    host.engine.handover({
      header: { kind: EventKind.handover, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
      fromId: from.goid,
      fromCreator: from.maker,
      fromReadNs: from.readNs,
      fromStartPc: from.startPc,
      toId: to.goid,
      toCreator: to.maker,
      toReadNs: to.readNs,
      toStartPc: to.startPc,
      valueType: way === HandoverWay.gives ? JOB_TYPE : 0,
      way,
      lost: 0,
    });

  for (let round = 0; round < ROUNDS; round++) {
    const due = later;
    later = [];
    for (const [index, link] of links.entries()) {
      const id = index + 1;
      const request = ++next;
      link.serverReads(
        { tgid: TGID, coroutineId: id, causeKind: CauseKind.goConnection, causeId: 0xc000 + id * 96 },
        get(`/r${request}`),
      );
      host.pass(0.01);
      firstReads[index] ??= host.nowNs;
      const from = giver(1000 + (isDispatcher ? id : request), id, isDispatcher ? firstReads[index]! : host.nowNs);
      link.answer({ tgid: TGID, coroutineId: id }, ok());
      later.push(() => {
        const { goid, upstream } = workers[index]!;
        const worker: End = { goid, maker: 0, readNs: 0, startPc: WORKS };
        const by: Doer = { tgid: TGID, coroutineId: goid };
        handOver(from, worker, HandoverWay.gives);
        upstream.send(by, get(`/r${request}.1`)).clientReads(by, ok());
        handOver(worker, from, HandoverWay.releases);
      });
    }
    host.pass(1);
    for (const handsOver of due) handsOver();
  }
  for (const handsOver of later) handsOver();
  host.pass(5000);
  host.end();
  return score(host);
}

describe("jobs of goroutines whose maker has read on", () => {
  for (const isDispatcher of [false, true])
    it(`are nobody's, where ${isDispatcher ? "the first request of a connection" : "each request"} has made one`, () => {
      const { right, wrong, wrongEvidence } = simulate(isDispatcher);
      assert.equal(wrong, 0, wrongEvidence.join(" "));
      // Of the last requests nothing was read behind.
      assert.ok(right <= CONNECTIONS, `${right} right`);
    });
});

describe("calls that are known late", () => {
  it("are none of the worker's next job", () => {
    const host = new Host();
    const worker: Doer = { tgid: TGID, coroutineId: 100 };
    const upstream = host.connect({ only: "client" });
    const handOver = (from: number, to: number, way: HandoverWay): void =>
      host.engine.handover({
        header: { kind: EventKind.handover, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
        fromId: from,
        fromCreator: 0,
        fromReadNs: 0,
        fromStartPc: from,
        toId: to,
        toCreator: 0,
        toReadNs: 0,
        toStartPc: to,
        valueType: way === HandoverWay.gives ? JOB_TYPE : 0,
        way,
        lost: 0,
      });
    const reader = (id: number): Doer => ({ tgid: TGID, coroutineId: id });
    const proofs = 20;
    for (let request = 1; request <= proofs; request++) {
      const link = host.connect({ only: "server" }).serverReads(reader(request), get(`/r${request}`));
      handOver(request, 100, HandoverWay.gives);
      upstream.send(worker, get(`/r${request}.1`)).clientReads(worker, ok());
      handOver(100, request, HandoverWay.releases);
      link.answer(reader(request), ok());
      host.pass(1);
    }
    const links = [31, 32].map((id) => host.connect({ only: "server" }).serverReads(reader(id), get(`/r${id}`)));
    const head = get("/r31.1");
    handOver(31, 100, HandoverWay.gives);
    upstream.send(worker, head.slice(0, 20));
    handOver(100, 31, HandoverWay.releases);
    handOver(32, 100, HandoverWay.gives);
    upstream.send(worker, head.slice(20)).clientReads(worker, ok());
    handOver(100, 32, HandoverWay.releases);
    for (const [index, link] of links.entries()) link.answer(reader(31 + index), ok());
    host.pass(2000);
    host.end();
    const { right, wrong, wrongEvidence } = score(host);
    assert.deepEqual({ right, wrong }, { right: proofs, wrong: 0 }, wrongEvidence.join(" "));
  });
});
