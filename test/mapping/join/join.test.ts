import assert from "node:assert/strict";
import { UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { Span } from "../../../src/mapping/span.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 500;
const REMOTE: Doer = { tgid: 1 };

/** One end of each connection is elsewhere. */
const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });

const pathOf = (span: Span): string => attribute(span, "url.path", "url.full")?.replace(/^http:..[^/]*/, "") ?? "";
const find = (host: Host, path: string): Span => host.spans.find((span) => pathOf(span) === path)!;
const goroutine = (id: number): Doer => ({ tgid: TGID, pid: TGID + (id % 3), coroutineId: id });

describe("evidence", () => {
  it("unit: a goroutine's call is its request's child at once, while the request goes on", () => {
    const host = new Host();
    inbound(host).serverReads(goroutine(7), get("/in"));
    outbound(host).send(goroutine(7), get("/out")).clientReads(goroutine(7), ok());
    host.pass(0);
    assert.equal(host.spans.length, 1, "it has left");
    assert.equal(attribute(host.spans[0]!, "sockspan.link.evidence"), "unit");
    const id = host.spans[0]!.parentSpanId;
    host.end();
    assert.equal(find(host, "/in").spanId, id);
    assert.equal(find(host, "/in").traceId, find(host, "/out").traceId);
  });

  it("unit: a pool's job serves one request, and what it has read too early is the next job's", () => {
    const host = new Host();
    const job = (unitId: number): Doer => ({ tgid: TGID, pid: TGID, unitKind: UnitKind.pythonJob, unitId });
    const early = inbound(host).serverReads(job(1), get("/early1") + get("/early2"));
    outbound(host).send(job(1), get("/early1.1")).clientReads(job(1), ok());
    early.answer(job(1), ok());
    // Its address comes back: another job, for another connection.
    const next = inbound(host).serverReads(job(1), get("/in"));
    outbound(host).send(job(1), get("/in.1")).clientReads(job(1), ok());
    next.answer(job(1), ok());
    outbound(host).send(job(1), get("/nobody"));
    outbound(host).send(job(2), get("/early2.1")).clientReads(job(2), ok());
    early.answer(job(2), ok());
    host.end();
    for (const name of ["/early1.1", "/early2.1", "/in.1"]) {
      assert.equal(find(host, name).parentSpanId, find(host, name.slice(0, -2)).spanId, name);
    }
    assert.equal(find(host, "/nobody").parentSpanId, undefined);
  });

  it("unit: nginx's connection of a client that went away is the next client's", () => {
    const host = new Host();
    const connection: Doer = { tgid: TGID, unitKind: UnitKind.nginxRequest, unitId: 0x1000 };
    const first = inbound(host).serverReads(connection, get("/gone"));
    const upstream = outbound(host).send(connection, get("/gone.1"));
    first.serverCloses();
    upstream.close();
    for (const name of ["a", "b"]) {
      const link = inbound(host).serverReads(connection, get(`/${name}`));
      outbound(host)
        .send(connection, get(`/${name}.1`))
        .clientReads(connection, ok());
      link.answer(connection, ok());
    }
    host.end();
    for (const name of ["gone", "a", "b"]) {
      assert.equal(find(host, `/${name}.1`).parentSpanId, find(host, `/${name}`).spanId, name);
      assert.equal(attribute(find(host, `/${name}.1`), "sockspan.link.evidence"), "unit");
    }
  });

  it("after_answer: not of fibers that answer what a reactor reads, which reads for many at once", () => {
    const host = new Host();
    const fiber = (unitId: number): Doer => ({ tgid: TGID, pid: TGID + unitId, unitKind: UnitKind.rubyFiber, unitId });
    const [reactor, worker, other] = [fiber(1), fiber(2), fiber(3)] as const;
    const [a, b, c] = ["a", "b", "c"].map((name) => inbound(host).serverReads(reactor, get(`/${name}`)));
    const own = inbound(host).serverReads(worker, get("/own")).answer(worker, ok());
    outbound(host).send(worker, get("/a.1")).clientReads(worker, ok());
    a!.answer(worker, ok());
    for (const link of [b!, c!]) link.answer(other, ok());
    own.close();
    host.end();
    assert.equal(find(host, "/a.1").parentSpanId, find(host, "/a").spanId);
  });

  it("answer_unit: HAProxy's task sends a request and its answer; the first on a connection is whose task opened it", () => {
    const host = new Host();
    const task = (unitId: number): Doer => ({ tgid: TGID, unitKind: UnitKind.haproxyTask, unitId });
    const names = ["a", "b", "c"];
    const reader = (index: number): Doer => task(0x1000 + index);
    const stream = (index: number): Doer => task(0x2000 + index);
    const sender = (index: number): Doer => task(0x3000 + index);
    // One loop reads all, then runs all tasks; connections are there a moment later, in another order.
    const clients = names.map(() => inbound(host));
    const upstreams = names.map(() => outbound(host));
    for (const [index, name] of names.entries()) clients[index]!.serverReads(reader(index), get(`/${name}`));
    for (const index of names.keys()) upstreams[index]!.connecting(stream(index)).opened();
    for (const index of [2, 0, 1]) upstreams[index]!.send(sender(index), get(`/${names[index]}.1`));
    for (const index of names.keys()) upstreams[index]!.clientReads(sender(index), ok());
    for (const index of names.keys()) clients[index]!.answer(stream(index), ok());
    // The connections are used again, by others, and the tasks' addresses have come back.
    for (const [index, name] of names.entries()) clients[index]!.serverReads(reader(index), get(`/${name}2`));
    for (const [index, name] of names.entries())
      upstreams[(index + 1) % 3]!.send(stream(2 - index), get(`/${name}2.1`));
    for (const index of names.keys()) upstreams[(index + 1) % 3]!.clientReads(sender(index), ok());
    for (const index of names.keys()) clients[index]!.answer(stream(2 - index), ok());
    host.end();
    for (const name of ["a", "b", "c", "a2", "b2", "c2"]) {
      assert.equal(find(host, `/${name}.1`).parentSpanId, find(host, `/${name}`).spanId, name);
      assert.equal(attribute(find(host, `/${name}.1`), "sockspan.link.evidence"), "answer_unit");
    }
  });

  it("answer_unit: who opened a connection for a request that is gone has not called for the next one", () => {
    const host = new Host();
    const task = (unitId: number): Doer => ({ tgid: TGID, unitKind: UnitKind.haproxyTask, unitId });
    const other = inbound(host).serverReads(task(0x1000), get("/other"));
    const upstream = outbound(host).connecting(task(0x2000)).opened();
    // Its client has gone; the task's address comes back for another request, before anything went out.
    const next = inbound(host).serverReads(task(0x1001), get("/next"));
    upstream.send(task(0x3000), get("/nobody")).clientReads(task(0x3000), ok());
    next.answer(task(0x2000), ok());
    other.answer(task(0x2001), ok());
    host.end();
    assert.equal(find(host, "/nobody").parentSpanId, undefined);
  });

  it("unit: an answer that ends with its connection is over when the server closes it", () => {
    const host = new Host();
    const fiber: Doer = { tgid: TGID, unitKind: UnitKind.rubyFiber, unitId: 0x1000 };
    for (const name of ["a", "b", "c"]) {
      const link = inbound(host).serverReads(fiber, get(`/${name}`));
      outbound(host)
        .send(fiber, get(`/${name}.1`))
        .clientReads(fiber, ok());
      link.answer(fiber, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").answer(fiber, "ok").serverCloses();
    }
    host.end();
    for (const name of ["a", "b", "c"]) {
      assert.equal(find(host, `/${name}.1`).parentSpanId, find(host, `/${name}`).spanId, name);
      assert.equal(attribute(find(host, `/${name}.1`), "sockspan.link.evidence"), "unit");
    }
  });

  it("thread: of calls for requests that came at once and are answered at once nobody knows which is whose", () => {
    const host = new Host();
    const thread = (index: number): Doer => ({ tgid: TGID, pid: TGID + index, isBlocking: true });
    const other = inbound(host).serverReads(thread(9), get("/other"));
    for (let index = 0; index < 12; index++) {
      inbound(host)
        .serverReads(thread(1), get(`/a${index}`))
        .answer(thread(1), ok())
        .close();
    }
    const link = inbound(host).serverReads(thread(1), get("/p0") + get("/p1"));
    for (const name of ["/p0.1", "/p1.1"]) outbound(host).send(thread(1), get(name)).clientReads(thread(1), ok());
    link.answer(thread(1), ok() + ok());
    other.answer(thread(9), ok());
    host.end();
    for (const name of ["/p0.1", "/p1.1"]) assert.equal(find(host, name).parentSpanId, undefined, name);
  });

  it("thread: goes on where another thread has answered what was read too early", () => {
    const host = new Host();
    const thread = (index: number): Doer => ({ tgid: TGID, pid: TGID + index, isBlocking: true });
    const other = inbound(host);
    other.serverReads(thread(9), get("/waits"));
    for (let index = 0; index < 12; index++) {
      const link = inbound(host).serverReads(thread(1), get(`/a${index}`));
      link.answer(thread(1), ok());
    }
    const early = inbound(host).serverReads(thread(1), get("/early1") + get("/early2"));
    early.answer(thread(1), ok());
    const next = inbound(host).serverReads(thread(1), get("/in"));
    early.answer(thread(9), ok());
    outbound(host).send(thread(1), get("/out")).clientReads(thread(1), ok());
    next.answer(thread(1), ok());
    other.answer(thread(9), ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, find(host, "/in").spanId);
    assert.equal(attribute(find(host, "/out"), "sockspan.link.evidence"), "thread");
  });

  it("unit: another goroutine on the same thread has nothing to do with it", () => {
    const host = new Host();
    const thread = { tgid: TGID, pid: TGID };
    const [first, second] = [inbound(host), inbound(host)];
    first.serverReads({ ...thread, coroutineId: 1 }, get("/in1"));
    second.serverReads({ ...thread, coroutineId: 2 }, get("/in2"));
    outbound(host)
      .send({ ...thread, coroutineId: 3 }, get("/out"))
      .clientReads(thread, ok());
    first.answer({ ...thread, coroutineId: 1 }, ok());
    second.answer({ ...thread, coroutineId: 2 }, ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, undefined);
  });

  it("answer_unit: a context that was used before is another one now", () => {
    const host = new Host();
    const context = (unitId: number): Doer => ({ tgid: TGID, unitKind: UnitKind.pythonContext, unitId });
    const reader = context(0x1000);
    const [first, second] = [inbound(host), inbound(host)];
    for (const [link, name] of [
      [first, "a"],
      [second, "b"],
    ] as const) {
      link.serverReads(reader, get(`/${name}`));
      outbound(host)
        .send(context(0x2000), get(`/${name}.1`))
        .clientReads(reader, ok());
      link.answer(context(0x2000), ok());
    }
    host.end();
    for (const name of ["a", "b"]) {
      assert.equal(find(host, `/${name}.1`).parentSpanId, find(host, `/${name}`).spanId);
      assert.equal(attribute(find(host, `/${name}.1`), "sockspan.link.evidence"), "answer_unit");
    }
  });

  it("answer_unit: a context that comes back for what was read too early has made none of the calls before its turn", () => {
    const host = new Host();
    const context = (unitId: number): Doer => ({ tgid: TGID, unitKind: UnitKind.pythonContext, unitId });
    const reader = context(0x1000);
    const early = inbound(host).serverReads(reader, get("/early1") + get("/early2"));
    const other = inbound(host).serverReads(reader, get("/other"));
    outbound(host).send(context(0x2000), get("/other.1")).clientReads(reader, ok());
    early.answer(context(0x3000), ok());
    // Its address names the context of the next request by now.
    outbound(host).send(context(0x2000), get("/early2.1")).clientReads(reader, ok());
    early.answer(context(0x2000), ok());
    other.answer(context(0x4000), ok());
    host.end();
    assert.equal(find(host, "/other.1").parentSpanId, undefined);
    assert.equal(find(host, "/early2.1").parentSpanId, find(host, "/early2").spanId);
  });

  it("carried: what a proxy passes on unchanged names the request that it came with", () => {
    const host = new Host();
    const loop = { tgid: TGID };
    const context = (index: number): string =>
      `traceparent: 00-${"a".repeat(31)}${index}-${"b".repeat(15)}${index}-01\r\n`;
    const links = [1, 2, 3].map(() => host.connect({ only: "server", clientAddress: "10.0.0.9" }));
    links.forEach((link, index) => {
      link.serverReads(loop, get(`/in${index}`, context(index)));
    });
    for (const index of [2, 0, 1])
      outbound(host)
        .send(loop, get(`/out${index}`, context(index)))
        .clientReads(loop, ok());
    for (const link of links) link.answer(loop, ok());
    host.end();
    for (const index of [0, 1, 2]) {
      assert.equal(find(host, `/out${index}`).parentSpanId, find(host, `/in${index}`).spanId);
      assert.equal(find(host, `/in${index}`).parentSpanId, `${"b".repeat(15)}${index}`);
      assert.equal(find(host, `/in${index}`).traceId, `${"a".repeat(31)}${index}`);
    }
  });

  it("carried: a library's own span is the parent of the call that carries it", () => {
    const host = new Host();
    const header = `traceparent: 00-${"c".repeat(32)}-${"d".repeat(16)}-00\r\n`;
    host
      .connect()
      .request({ tgid: TGID }, { tgid: 600 }, get("/x", header))
      .respond({ tgid: 600 }, { tgid: TGID }, ok());
    const [server, client] = host.end();
    assert.equal(client?.parentSpanId, "d".repeat(16));
    assert.equal(server?.parentSpanId, client?.spanId, "nothing between the two ends");
    assert.equal(server?.traceId, "c".repeat(32));
    assert.equal(client!.flags & 1, 1, "the sampled flag hides nothing");
  });

  it("none: a process whose number came back is not the one that read the request", () => {
    const host = new Host();
    inbound(host).serverReads(goroutine(7), get("/old"));
    host.exit(TGID);
    outbound(host).send(goroutine(7), get("/new")).clientReads(goroutine(7), ok());
    host.end();
    assert.equal(find(host, "/new").parentSpanId, undefined);
  });

  it("none: a child that was forked while its parent served is not that request", () => {
    const host = new Host();
    const parent = { tgid: TGID };
    const child = { tgid: TGID + 1 };
    const link = inbound(host).serverReads(parent, get("/in"));
    outbound(host).send(child, get("/out")).clientReads(child, ok());
    link.answer(parent, ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, undefined);
  });

  it("none: a process that serves what nobody can read is not asked who is alone", () => {
    const host = new Host();
    const loop = { tgid: TGID };
    const hidden = inbound(host);
    hidden.serverReads(loop, Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...new Uint8Array(600)]));
    const link = inbound(host).serverReads(loop, get("/in"));
    outbound(host).send(loop, get("/out")).clientReads(loop, ok());
    link.answer(loop, ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, undefined);
  });
});

describe("settling", () => {
  it("holds a call until its request is answered, and then lets both ends go together", () => {
    const host = new Host();
    const loop = { tgid: TGID };
    const link = inbound(host).serverReads(loop, get("/in"));
    host.connect().request(loop, { tgid: 600 }, get("/out")).respond({ tgid: 600 }, loop, ok());
    host.pass(1000);
    assert.equal(host.spans.length, 0);
    link.answer(loop, ok());
    host.pass(0);
    assert.deepEqual(host.batches, [3]);
    const [server, client] = host.spans.filter((span) => pathOf(span) === "/out").sort((left) => left.kind - 2.5);
    assert.equal(server?.parentSpanId, client?.spanId);
    assert.equal(client?.parentSpanId, find(host, "/in").spanId);
    host.end();
  });

  it("lets a call go after the settle time, and never changes it again", () => {
    const host = new Host({ settleNs: 2_000_000_000 });
    const loop = { tgid: TGID };
    const link = inbound(host).serverReads(loop, get("/slow"));
    outbound(host).send(loop, get("/out")).clientReads(loop, ok());
    host.pass(1900);
    assert.equal(host.spans.length, 0);
    host.pass(200);
    assert.equal(host.spans.length, 1);
    link.answer(loop, ok());
    host.end();
    assert.equal(find(host, "/out").parentSpanId, undefined);
    assert.notEqual(find(host, "/out").traceId, find(host, "/slow").traceId);
  });

  it("lets the oldest go first where memory is short", () => {
    const host = new Host({ maxHeldBytes: 20_000 });
    const loop = { tgid: TGID };
    inbound(host).serverReads(loop, get("/slow"));
    const link = outbound(host);
    for (let index = 0; index < 50; index++) link.send(loop, get(`/${index}`)).clientReads(loop, ok());
    host.pass(0);
    assert.ok(host.spans.length > 20 && host.spans.length < 50, String(host.spans.length));
    assert.deepEqual(
      host.spans.map(pathOf),
      host.spans.map((_, index) => `/${index}`),
    );
    host.end();
  });

  it("names doubtful parents in links, with what speaks for them", () => {
    const host = new Host();
    const loop = { tgid: TGID };
    const links = [inbound(host), inbound(host)];
    const upstream = outbound(host);
    upstream.send(loop, get("/first")).clientReads(loop, ok());
    links[0]!.serverReads(loop, get("/a"));
    links[1]!.serverReads(loop, get("/b"));
    upstream.send(loop, get("/out")).clientReads(loop, ok());
    links[0]!.answer(loop, ok());
    links[1]!.answer(loop, ok());
    host.end();
    const span = find(host, "/out");
    assert.equal(span.parentSpanId, undefined);
    assert.deepEqual(
      span.links.map(({ spanId, attributes }) => [spanId, attributes[0]?.[1]]),
      [
        [find(host, "/b").spanId, "turn"],
        [find(host, "/a").spanId, "reply_turn"],
      ],
    );
  });
});

it("a chain over three processes is one trace", () => {
  const host = new Host();
  const doers = [REMOTE, goroutine(1), { tgid: 700, coroutineId: 5 }, { tgid: 800, coroutineId: 6 }];
  const links = [0, 1, 2].map(() => host.connect());
  for (const [index, link] of links.entries()) link.request(doers[index]!, doers[index + 1]!, get(`/${index}`));
  for (const index of [2, 1, 0]) links[index]!.respond(doers[index + 1]!, doers[index]!, ok());
  const spans = host.end();
  assert.equal(spans.length, 6);
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
  assert.equal(spans.filter(({ parentSpanId }) => parentSpanId === undefined).length, 1);
});
