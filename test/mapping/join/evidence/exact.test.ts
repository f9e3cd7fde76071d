import assert from "node:assert/strict";
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Span } from "../../../../src/mapping/span.ts";
import type { Doer } from "../../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../../support/host.ts";

const TGID = 500;
/** The function that goroutines of requests begin with. */
const MADE_TO_RUN = 0x40_0000;

const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });
const pathOf = (span: Span): string => attribute(span, "url.path", "url.full")?.replace(/^http:..[^/]*/, "") ?? "";
const find = (host: Host, path: string): Span => host.spans.find((span) => pathOf(span) === path)!;
const evidence = (host: Host, path: string): string | undefined =>
  attribute(find(host, path), "sockspan.link.evidence");

const goroutine = (coroutineId: number, over: Partial<Doer> = {}): Doer => ({ tgid: TGID, coroutineId, ...over });
/** A goroutine of net/http's server that reads on the connection of this context. */
const serving = (id: number, context: number): Doer =>
  goroutine(id, { causeKind: CauseKind.goConnection, causeId: context });
/** writeLoop, for the caller `unitId`. */
const writing = (unitId: number, causeKind: number, causeId: number): Doer =>
  goroutine(900, { unitKind: UnitKind.goroutine, unitId, unitParent: MADE_TO_RUN, causeKind, causeId });
const task = (unitId: number, over: Partial<Doer> = {}): Doer => ({
  tgid: TGID,
  unitKind: UnitKind.tokioTask,
  unitId,
  ...over,
});

function tellEdge(host: Host, fromId: number, toId: number, edge: UnitEdge): void {
  host.engine.unitEdge({
    header: { kind: EventKind.unitEdge, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
    fromId,
    toId,
    fromCreation: edge === UnitEdge.creates ? fromId : 0,
    work: 0,
    edge,
    unitKind: UnitKind.tokioTask,
  });
}

const spawn = (host: Host, creator: number, created: number): void =>
  tellEdge(host, creator, created, UnitEdge.creates);

/** The task `reader` of a client connection wakes the first since it has read. */
const answers = (host: Host, reader: number, woken: number): void => tellEdge(host, reader, woken, UnitEdge.answers);

/** A goroutine that goroutine `creator` has made for its request. */
const madeBy = (creator: number, id: number): Doer =>
  goroutine(id, { causeKind: CauseKind.goCreator, causeId: creator, unitParent: MADE_TO_RUN });

/** What requests create serves them only, as far as three of them show. */
function proveCreators(host: Host): void {
  for (const id of [401, 402, 403]) {
    const link = inbound(host).serverReads(serving(id, 0xc000 + id * 64), get(`/p${id}`));
    outbound(host)
      .send(madeBy(id, id + 100), get(`/p${id}.1`))
      .clientReads(madeBy(id, id + 100), ok());
    link.answer(goroutine(id), ok());
  }
}

/** The same with tasks that wake a client's connection. */
function proveSpawners(host: Host): void {
  for (const id of [401, 402, 403]) {
    const link = inbound(host).serverReads(task(id), get(`/p${id}`));
    spawn(host, id, id + 100);
    outbound(host)
      .send(task(9, { causeKind: CauseKind.waker, causeId: id + 100 }), get(`/p${id}.1`))
      .clientReads(task(9), ok());
    link.answer(task(id), ok());
  }
}

describe("exact causes", () => {
  it("creator: what a request makes to run another function than those that were shown is not for it alone", () => {
    const host = new Host();
    proveCreators(host);
    inbound(host).serverReads(serving(2, 0xb000), get("/b"));
    const link = inbound(host).serverReads(serving(1, 0xa000), get("/a"));
    const refresher = { ...madeBy(1, 70), unitParent: 0x50_0000 };
    outbound(host).send(refresher, get("/refresh")).clientReads(refresher, ok());
    const own = { ...madeBy(1, 71), unitParent: MADE_TO_RUN };
    outbound(host).send(own, get("/a.1")).clientReads(own, ok());
    link.answer(goroutine(1), ok());
    host.pass(60_000);
    host.end();
    assert.equal(find(host, "/a.1").parentSpanId, find(host, "/a").spanId);
    assert.equal(find(host, "/refresh").parentSpanId, undefined);
  });

  it("context: a pool's call belongs to the request whose context it carries, at once", () => {
    const host = new Host();
    inbound(host).serverReads(serving(1, 0xa000), get("/a"));
    inbound(host).serverReads(serving(2, 0xb000), get("/b"));
    outbound(host)
      .send(writing(50, CauseKind.goContext, 0xb000), get("/b.1"))
      .clientReads(goroutine(901), ok());
    outbound(host)
      .send(writing(50, CauseKind.goContext, 0xa000), get("/a.1"))
      .clientReads(goroutine(901), ok());
    host.pass(0);
    assert.deepEqual(host.spans.map(pathOf), ["/b.1", "/a.1"], "they have left while the requests go on");
    host.end();
    for (const name of ["a", "b"]) {
      assert.equal(find(host, `/${name}.1`).parentSpanId, find(host, `/${name}`).spanId);
      assert.equal(evidence(host, `/${name}.1`), "context");
    }
  });

  it("context: an address that comes back is another connection's", () => {
    const host = new Host();
    inbound(host).serverReads(serving(1, 0xa000), get("/old"));
    inbound(host).serverReads(serving(2, 0xa000), get("/new"));
    outbound(host)
      .send(writing(50, CauseKind.goContext, 0xa000), get("/out"))
      .clientReads(goroutine(901), ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, find(host, "/new").spanId);
  });

  it("context: names no request when the connection serves none, or events are missing", () => {
    const host = new Host();
    const link = inbound(host);
    link.serverReads(serving(1, 0xa000), get("/in")).answer(goroutine(1), ok());
    inbound(host).serverReads(serving(2, 0xb000), get("/other"));
    outbound(host)
      .send(writing(50, CauseKind.goContext, 0xa000), get("/out"))
      .clientReads(goroutine(901), ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, undefined);
  });

  it("unit: the goroutine that serves a connection serves what another reads the first byte of", () => {
    const host = new Host();
    const link = inbound(host);
    link.serverReads(serving(1, 0xa000), get("/first")).answer(goroutine(1), ok());
    const next = get("/next");
    link.serverReads(goroutine(77), next.slice(0, 1)).serverReads(serving(1, 0xa000), next.slice(1));
    outbound(host).send(goroutine(1), get("/next.1")).clientReads(goroutine(1), ok());
    link.answer(goroutine(1), ok());
    host.end();
    assert.equal(find(host, "/next.1").parentSpanId, find(host, "/next").spanId);
    assert.equal(evidence(host, "/next.1"), "unit");
  });

  it("creator: a goroutine that was made for the request calls for it", () => {
    const host = new Host();
    proveCreators(host);
    inbound(host).serverReads(serving(1, 0xa000), get("/in"));
    const child = madeBy(1, 60);
    outbound(host).send(child, get("/out")).clientReads(child, ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, find(host, "/in").spanId);
    assert.equal(evidence(host, "/out"), "creator");
  });

  it("creator: what is told just behind the read of the creator's next request was asked before it, maybe", () => {
    const host = new Host();
    proveCreators(host);
    inbound(host).serverReads(serving(1, 0xa000), get("/in"));
    // The next event is two microseconds later.
    host.nowNs -= 8000;
    const child = madeBy(1, 60);
    outbound(host).send(child, get("/out")).clientReads(child, ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, undefined);
  });

  it("creator: what was made before it was proven is told when it is, while its request goes on", () => {
    const host = new Host();
    inbound(host).serverReads(serving(1, 0xa000), get("/in"));
    outbound(host).send(madeBy(1, 60), get("/out"));
    assert.equal(find(host, "/out"), undefined);
    proveCreators(host);
    host.end();
    assert.equal(find(host, "/out").parentSpanId, find(host, "/in").spanId);
  });

  it("creator: workers of a pool, which whoever finds none idle makes, serve others too", () => {
    const host = new Host();
    inbound(host).serverReads(serving(1, 0xa000), get("/long"));
    const worker = madeBy(1, 60);
    outbound(host).send(worker, get("/long.1")).clientReads(worker, ok());
    for (const id of [2, 3, 4, 5, 6]) {
      const link = inbound(host).serverReads(serving(id, 0xa000 + id * 64), get(`/r${id}`));
      const own = madeBy(id, 60 + id);
      outbound(host)
        .send(own, get(`/r${id}.1`))
        .clientReads(own, ok());
      outbound(host).send(worker, get("/other.1")).clientReads(worker, ok());
      link.answer(goroutine(id), ok());
      outbound(host).send(goroutine(60 + id), get("/other.2"));
    }
    host.end();
    for (const span of host.spans.filter((each) => pathOf(each).startsWith("/other"))) {
      assert.equal(span.parentSpanId, undefined);
    }
  });

  it("creator: a pool that the first request makes for all is nobody's", () => {
    const host = new Host();
    const first = inbound(host).serverReads(serving(1, 0xa000), get("/first"));
    const workers = [60, 61, 62, 63].map((id) => madeBy(1, id));
    for (const id of [2, 3, 4]) inbound(host).serverReads(serving(id, 0xa000 + id * 64), get(`/r${id}`));
    for (const worker of workers) {
      outbound(host)
        .send(worker, get(`/other${worker.coroutineId}`))
        .clientReads(worker, ok());
    }
    first.answer(goroutine(1), ok());
    host.end();
    for (const worker of workers) assert.equal(find(host, `/other${worker.coroutineId}`).parentSpanId, undefined);
  });

  it("creator: further calls of what was made for a request are told when it is over, if they are over", () => {
    const host = new Host();
    proveCreators(host);
    const link = inbound(host).serverReads(serving(1, 0xa000), get("/in"));
    const child = madeBy(1, 60);
    for (const name of ["/in.1", "/in.2"]) outbound(host).send(child, get(name)).clientReads(child, ok());
    assert.equal(find(host, "/in.2"), undefined);
    link.answer(goroutine(1), ok());
    const other = inbound(host).serverReads(serving(2, 0xb000), get("/next"));
    outbound(host).send(madeBy(2, 61), get("/next.1")).clientReads(madeBy(2, 61), ok());
    outbound(host).send(madeBy(2, 61), get("/unknown"));
    other.answer(goroutine(2), ok());
    host.end();
    for (const name of ["/in.1", "/in.2"]) assert.equal(find(host, name).parentSpanId, find(host, "/in").spanId);
    assert.equal(find(host, "/unknown").parentSpanId, undefined);
  });

  it("creator: says nothing where the next request was read with the one before it", () => {
    const host = new Host();
    const link = inbound(host);
    link.serverReads(serving(1, 0xa000), get("/one") + get("/two")).answer(goroutine(1), ok());
    const child = madeBy(1, 60);
    outbound(host).send(child, get("/out")).clientReads(child, ok());
    host.pass(1);
    assert.equal(find(host, "/out"), undefined, "not decided yet");
    link.answer(goroutine(1), ok());
    host.end();
    assert.notEqual(evidence(host, "/out"), "creator");
  });

  it("context, unit: of requests that were read at once, the oldest that is not answered is the one that is handled", () => {
    const host = new Host();
    const link = inbound(host);
    link.serverReads(serving(1, 0xa000), get("/one") + get("/two"));
    outbound(host)
      .send(writing(50, CauseKind.goContext, 0xa000), get("/one.1"))
      .clientReads(goroutine(901), ok());
    link.answer(goroutine(1), ok());
    outbound(host)
      .send(writing(50, CauseKind.goContext, 0xa000), get("/two.1"))
      .clientReads(goroutine(901), ok());
    outbound(host).send(goroutine(1), get("/two.2")).clientReads(goroutine(1), ok());
    link.answer(goroutine(1), ok());
    const other = inbound(host);
    other.serverReads(task(7), get("/three") + get("/four"));
    outbound(host).send(task(7), get("/three.1")).clientReads(task(7), ok());
    other.answer(task(7), ok()).answer(task(7), ok());
    host.end();
    for (const name of ["/one.1", "/two.1", "/two.2", "/three.1"]) {
      assert.equal(find(host, name).parentSpanId, find(host, name.slice(0, -2)).spanId, name);
    }
  });

  it("waker: who is woken for the answer has called, whoever had woken the connection", () => {
    const host = new Host();
    inbound(host).serverReads(task(1), get("/a"));
    inbound(host).serverReads(task(2), get("/b"));
    const upstream = outbound(host);
    for (const [name, causeKind, causeId] of [
      ["/b.1", CauseKind.waker, 2],
      ["/a.1", CauseKind.waker, 2],
      ["/b.2", CauseKind.none, 0],
    ] as const) {
      upstream.send(task(9, { causeKind, causeId }), get(name)).clientReads(task(9), ok());
      answers(host, 9, name.startsWith("/a") ? 1 : 2);
    }
    host.pass(0);
    assert.equal(host.spans.length, 3, "they have left while the requests go on");
    host.end();
    for (const name of ["/b.1", "/a.1", "/b.2"]) {
      assert.equal(find(host, name).parentSpanId, find(host, name.slice(0, -2)).spanId);
      assert.equal(evidence(host, name), "waker");
    }
  });

  it("waker: of a call that is not answered, the task that had woken the connection", () => {
    const host = new Host();
    const link = inbound(host).serverReads(task(1), get("/a"));
    inbound(host).serverReads(task(2), get("/b"));
    const waker = (causeId: number): Doer => task(9, { causeKind: CauseKind.newWaker, causeId });
    outbound(host).send(waker(1), get("/a.1")).clientReads(task(9), ok());
    const givenUp = [outbound(host).send(waker(1), get("/a.2")), outbound(host).send(waker(1), get("/a.3"))];
    givenUp[0]!.close();
    link.answer(task(1), ok());
    givenUp[1]!.close();
    host.end();
    assert.equal(find(host, "/a.1").parentSpanId, undefined, "it was woken long after its own call");
    for (const name of ["/a.2", "/a.3"]) {
      assert.equal(find(host, name).parentSpanId, find(host, "/a").spanId, name);
      assert.equal(evidence(host, name), "waker");
    }
  });

  it("waker: what a task wakes is no answer to several calls, nor to one whose connection others had woken", () => {
    const host = new Host();
    inbound(host).serverReads(task(1), get("/x"));
    inbound(host).serverReads(task(2), get("/y"));
    const both = outbound(host);
    const waker = (causeId: number): Doer => task(9, { causeKind: CauseKind.newWaker, causeId });
    both.send(waker(1), get("/x.1")).send(waker(2), get("/y.1"));
    both.clientReads(task(9), ok() + ok());
    answers(host, 9, 1);
    both.send(waker(1), get("/x.2")).send(waker(2), get("/y.2"));
    both.clientReads(task(9), ok());
    answers(host, 9, 2);
    both.clientReads(task(9), ok());
    answers(host, 9, 2);
    host.end();
    assert.equal(find(host, "/x.1").parentSpanId, undefined, "one read");
    assert.equal(find(host, "/y.1").parentSpanId, undefined, "one read");
    assert.equal(find(host, "/x.2").parentSpanId, undefined, "the ends differ");
    assert.equal(find(host, "/y.2").parentSpanId, find(host, "/y").spanId, "both ends agree");
  });

  it("waker: a task that has read several requests at once takes them in order", () => {
    const host = new Host();
    const link = inbound(host).serverReads(task(1), get("/a") + get("/b"));
    const upstream = outbound(host);
    for (const name of ["/a.1", "/b.1"]) {
      upstream.send(task(9, { causeKind: CauseKind.waker, causeId: 1 }), get(name)).clientReads(task(9), ok());
      answers(host, 9, 1);
      link.answer(task(1), ok());
    }
    host.end();
    for (const name of ["/a", "/b"]) assert.equal(find(host, `${name}.1`).parentSpanId, find(host, name).spanId);
  });

  it("waker: one of two wakers is not believed where calls share a connection", () => {
    const host = new Host();
    inbound(host).serverReads(task(1), get("/a"));
    inbound(host).serverReads(task(2), get("/b"));
    const upstream = outbound(host);
    upstream.send(task(9, { causeKind: CauseKind.waker, causeId: 1 }), get("/a.1"));
    upstream.send(task(9, { causeKind: CauseKind.newWaker, causeId: 2 }), get("/x.1"));
    upstream.clientReads(task(9), ok()).clientReads(task(9), ok());
    host.end();
    assert.equal(find(host, "/x.1").parentSpanId, undefined);
  });

  it("creator: a spawned task calls for the request of the task that spawned it, also through another", () => {
    const host = new Host();
    proveSpawners(host);
    inbound(host).serverReads(task(1), get("/in"));
    spawn(host, 1, 20);
    spawn(host, 20, 21);
    const upstream = outbound(host);
    upstream.send(task(9, { causeKind: CauseKind.waker, causeId: 21 }), get("/out")).clientReads(task(9), ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, find(host, "/in").spanId);
    assert.equal(evidence(host, "/out"), "creator");
  });

  it("creator: a task that was there before the request was read is not its child", () => {
    const host = new Host();
    proveSpawners(host);
    const link = inbound(host);
    link.serverReads(task(1), get("/first"));
    spawn(host, 1, 20);
    link.answer(task(1), ok()).serverReads(task(1), get("/in"));
    inbound(host).serverReads(task(2), get("/other"));
    const upstream = outbound(host);
    upstream.send(task(9, { causeKind: CauseKind.waker, causeId: 20 }), get("/out")).clientReads(task(9), ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, undefined);
  });
});
