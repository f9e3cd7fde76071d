import assert from "node:assert/strict";
import { CauseKind, EventKind, HandoverWay, UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../../support/events.ts";
import { type HandoverOptions, simulateHandovers } from "../../../support/handover-simulation.ts";
import { get, Host, ok } from "../../../support/host.ts";
import { score } from "../../../support/simulation.ts";

const TGID = 500;

const BASE = { concurrency: 16, requests: 400, workers: 8, capacity: 0 } as const;

function total(options: Partial<HandoverOptions>): { right: number; wrong: number; none: number; why: string } {
  const sum = { right: 0, wrong: 0, none: 0, why: "" };
  for (const seed of [1, 2, 3]) {
    const { right, wrong, none, wrongEvidence } = simulateHandovers({ ...BASE, seed, ...options });
    sum.right += right;
    sum.wrong += wrong;
    sum.none += none;
    sum.why += wrongEvidence.join(" ");
  }
  return sum;
}

describe("hand-overs between goroutines", function () {
  this.timeout(30_000);

  for (const workers of [1, 8, 64]) {
    it(`finds all parents where ${workers} workers take jobs from a channel without a buffer`, () => {
      for (const concurrency of [1, 2, 16, 64]) {
        const { right, wrong, none, why } = total({ workers, concurrency });
        assert.equal(wrong, 0, why);
        assert.equal(none, 0, `${right} right at ${concurrency}`);
      }
    });
  }

  it("finds all where jobs make several calls, or none, once the pool is known", () => {
    for (const over of [{ callsPerJob: 3 }, { jobsWithoutCall: 0.5 }, { callsPerJob: 2, unseenResults: 0.3 }]) {
      const { right, wrong, none, why } = total(over);
      assert.equal(wrong, 0, why);
      assert.ok(none <= 3 * 200 && right > 3 * 150, `${JSON.stringify(over)}: ${right} right, ${none} none`);
    }
  });

  it("needs no sign of the end where jobs can't begin unseen", () => {
    const { right, wrong, none, why } = total({ jobsPerRequest: 3, unseenResults: 0.5 });
    assert.equal(wrong, 0, why);
    assert.ok(none < 0.15 * (right + none), `${right} right, ${none} none`);
  });

  it("gives no wrong parent where jobs wait in a buffer", () => {
    for (const capacity of [1, 4, 100]) {
      for (const jobsPerRequest of [1, 3]) {
        for (const unseenResults of [0, 0.2]) {
          const { right, wrong, none, why } = total({ capacity, jobsPerRequest, unseenResults });
          assert.equal(
            wrong,
            0,
            `${capacity} ${jobsPerRequest} ${unseenResults}: ${wrong} of ${right}, ${none} none, ${why}`,
          );
          if (unseenResults === 0 && jobsPerRequest === 1)
            assert.ok(right > 0.8 * (right + none), `${capacity}: ${right} right, ${none} none`);
        }
      }
    }
  });

  const liars: [string, Partial<HandoverOptions>][] = [
    ["make one call for several jobs", { batches: true, capacity: 100 }],
    ["make one call for several jobs, at low load", { batches: true, capacity: 100, concurrency: 3 }],
    ["are told only that there is a job", { signalsOnly: true }],
    [
      "are told only that there is a job, and whose results come early",
      { signalsOnly: true, unseenResults: 0.3, jobsPerRequest: 3 },
    ],
    ["hand tokens to others", { tokens: 0.3 }],
    ["hand tokens to others now and then", { tokens: 0.03, unseenResults: 0.2 }],
    ["hand tokens to others, with jobs in a buffer", { tokens: 0.3, capacity: 100 }],
    ["call on their own account", { pings: 0.1 }],
    ["call on their own account, with jobs in a buffer", { pings: 0.1, capacity: 100 }],
    ["were made by requests", { madeByRequests: true }],
    ["were made by requests, with jobs in a buffer", { madeByRequests: true, capacity: 4 }],
  ];
  for (const [what, over] of liars) {
    it(`gives no wrong parent to calls of workers that ${what}`, () => {
      const { right, wrong, none, why } = total(over);
      assert.equal(wrong, 0, `${wrong} of ${right + wrong}, ${none} none: ${why}`);
    });
  }

  it("gives no wrong parent where events and hand-overs get lost and come twice", () => {
    for (const capacity of [0, 4])
      for (const jobsPerRequest of [1, 3])
        for (const tellsLost of [true, false]) {
          const { wrong, right, none, why } = total({ capacity, jobsPerRequest, lost: 0.01, doubled: 0.01, tellsLost });
          assert.ok(
            wrong <= 1,
            `${capacity} ${jobsPerRequest} ${tellsLost}: ${wrong} of ${right + wrong}, ${none} none: ${why}`,
          );
        }
  });

  it("knows the goroutine that gets something back for the one that has given it, when its maker has read on", () => {
    const host = new Host();
    const goroutine = (coroutineId: number): Doer => ({ tgid: TGID, coroutineId });
    const worker = { ...goroutine(900), unitKind: UnitKind.goroutine, unitId: 9 };
    const handOver = (from: readonly [number, number], to: readonly [number, number], way: HandoverWay): void =>
      host.engine.handover({
        header: { kind: EventKind.handover, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
        fromId: from[0],
        fromCreator: from[1],
        fromReadNs: 0,
        fromStartPc: from[0],
        toId: to[0],
        toCreator: to[1],
        toReadNs: 0,
        toStartPc: to[0],
        valueType: 0,
        way,
        lost: 0,
      });
    const inbound = host.connect({ only: "server" }).serverReads(goroutine(1), get("/r1"));
    host.pass(0.1);
    handOver([60, 1], [9, 0], HandoverWay.gives);
    inbound.answer(goroutine(1), ok()).serverReads(goroutine(1), get("/r2"));
    host.connect({ only: "client", serverPort: 9000 }).send(worker, get("/r1.1")).clientReads(goroutine(901), ok());
    handOver([9, 0], [60, 0], HandoverWay.releases);
    inbound.answer(goroutine(1), ok());
    host.pass(1000);
    host.end();
    const { right, wrong } = score(host);
    assert.deepEqual({ right, wrong }, { right: 1, wrong: 0 });
  });

  const batches: [string, boolean][] = [
    ["answers each of several requests that one read has brought before it begins with the next", false],
    ["may keep answers back, of a server that is not known", true],
  ];
  for (const [what, isUnknown] of batches)
    it(`knows what a goroutine hands over for that ${what}`, () => {
      const host = new Host();
      const server = 1;
      const worker = { tgid: TGID, coroutineId: 900, unitKind: UnitKind.goroutine, unitId: 9 };
      const upstream = host.connect({ only: "client", serverPort: 9000 });
      const link = host.connect({ only: "server" });
      const handOver = (from: number, to: number, way: HandoverWay, valueType = 0): void =>
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
          valueType,
          way,
          lost: 0,
        });
      const cause = isUnknown ? {} : { causeKind: CauseKind.goConnection, causeId: 0xc000 };
      const by: Doer = { tgid: TGID, coroutineId: server, ...cause };
      for (let batch = 0; batch < 10; batch++) {
        const paths = [0, 1, 2, 3].map((index) => `/r${batch * 4 + index}`);
        link.serverReads(by, paths.map((path) => get(path)).join(""));
        for (const path of paths) {
          handOver(server, 9, HandoverWay.gives, 0x70_0000);
          upstream.send(worker, get(`${path}.1`)).clientReads(worker, ok());
          handOver(9, server, HandoverWay.releases);
          host.pass(1);
          if (!isUnknown) link.answer(by, ok());
        }
        if (isUnknown) link.answer(by, paths.map(() => ok()).join(""));
        host.pass(1);
      }
      host.pass(2000);
      host.end();
      const { right, wrong, wrongEvidence } = score(host);
      assert.deepEqual({ right, wrong }, { right: isUnknown ? 0 : 40, wrong: 0 }, wrongEvidence.join(" "));
    });

  it("learns who made a call from who gets its answer", () => {
    const { right, wrong, none, why } = total({ unknownCallers: 0.3 });
    assert.equal(wrong, 0, why);
    assert.ok(none <= 0.02 * right, `${right} right, ${none} none`);
  });

  const CONNECTION_TYPE = 0x70_0000;
  const RESULT_TYPE = 0x71_0000;
  const resources: [string, number, number, number][] = [
    ["passes on what it got", 1, CONNECTION_TYPE, 0],
    ["gives something to another goroutine of the request that it got something from", 60, RESULT_TYPE, 0],
    ["gives a result to whoever gave it the job", 1, RESULT_TYPE, 1],
  ];
  for (const [what, to, returnedType, expected] of resources)
    it(`tells resources that are handed round from jobs: a goroutine that ${what}`, () => {
      const host = new Host();
      const goroutine = (coroutineId: number): Doer => ({ tgid: TGID, coroutineId });
      const giving = (from: number, to: number, valueType: number): void =>
        host.engine.handover({
          header: { kind: EventKind.handover, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
          fromId: from,
          fromCreator: from === 60 ? 1 : 0,
          fromReadNs: 0,
          fromStartPc: 5,
          toId: to,
          toCreator: to === 60 ? 1 : 0,
          toReadNs: 0,
          toStartPc: 5,
          valueType,
          way: HandoverWay.givesBuffered,
          lost: 0,
        });
      const other = host.connect({ only: "server" }).serverReads(goroutine(2), get("/r2"));
      const inbound = host.connect({ only: "server" }).serverReads(goroutine(1), get("/r1"));
      const taker = { ...goroutine(900), unitKind: UnitKind.goroutine, unitId: 9 };
      giving(1, 9, CONNECTION_TYPE);
      const path = expected === 1 ? "/r1.1" : "/r2.1";
      host.connect({ only: "client", serverPort: 9000 }).send(taker, get(path)).clientReads(goroutine(901), ok());
      giving(9, to, returnedType);
      inbound.answer(goroutine(1), ok());
      other.answer(goroutine(2), ok());
      host.pass(1000);
      host.end();
      const { right, wrong } = score(host);
      assert.deepEqual({ right, wrong }, { right: expected, wrong: 0 });
    });
});
