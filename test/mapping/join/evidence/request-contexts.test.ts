import assert from "node:assert/strict";
import { CauseKind, UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Span } from "../../../../src/mapping/span.ts";
import type { Doer } from "../../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../../support/host.ts";

const TGID = 500;
const WAIT_MS = 600;
const CONNECTION = 0xa000;

const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });
const pathOf = (span: Span): string => attribute(span, "url.path", "url.full")?.replace(/^http:..[^/]*/, "") ?? "";
const find = (host: Host, path: string): Span => host.spans.find((span) => pathOf(span) === path)!;

/** A goroutine of net/http's server, which reads on the connection of this context. */
const reading = (coroutineId: number, context = CONNECTION): Doer => ({
  tgid: TGID,
  coroutineId,
  causeKind: CauseKind.goConnection,
  causeId: context,
});
/** It writes, be it an answer or a call, while it is at the request with this context. */
const writing = (coroutineId: number, causeRequest: number): Doer => ({ tgid: TGID, coroutineId, causeRequest });
/** writeLoop for a worker: its call carries the context of that request. */
const carrying = (causeKind: number, causeRequest: number, causeId = CONNECTION): Doer => ({
  tgid: TGID,
  coroutineId: 900,
  unitKind: UnitKind.goroutine,
  unitId: 50,
  causeKind,
  causeId,
  causeRequest,
});
const ended = (request: number, connection = CONNECTION): Doer =>
  carrying(CauseKind.goEndedContext, request, connection);

function call(host: Host, by: Doer, path: string): Link {
  return outbound(host).send(by, get(path)).clientReads({ tgid: TGID, coroutineId: 901 }, ok());
}

function assertJoined(host: Host, child: string, parent: string): void {
  assert.equal(find(host, child).parentSpanId, find(host, parent).spanId);
  assert.equal(attribute(find(host, child), "sockspan.link.evidence"), "context");
}

describe("contexts of requests", () => {
  it("joins a call behind the answer, though the connection serves the next request", () => {
    const host = new Host();
    const link = inbound(host);
    link.serverReads(reading(1), get("/one")).answer(writing(1, 0x1000), ok());
    link.serverReads(reading(1), get("/two"));
    call(host, ended(0x1000), "/one.1");
    link.answer(writing(1, 0x2000), ok());
    host.pass(WAIT_MS);
    host.end();
    assertJoined(host, "/one.1", "/one");
  });

  it("are not told by places in a heap of Java's, however alike they are", () => {
    const host = new Host();
    const at = (pid: number): Doer => ({
      tgid: TGID,
      pid,
      causeKind: CauseKind.javaPlace,
      causeId: 0x70_0000 + pid,
      causeRequest: 3 * 2 ** 26 + 1000,
    });
    inbound(host).serverReads({ tgid: TGID, pid: 11 }, get("/other"));
    const link = inbound(host).serverReads({ tgid: TGID, pid: 12 }, get("/one"));
    outbound(host).send(at(11), get("/other.1")).clientReads({ tgid: TGID, pid: 11 }, ok());
    link.answer(at(12), ok());
    host.pass(WAIT_MS);
    host.end();
    assert.equal(find(host, "/other.1").parentSpanId, undefined);
  });

  it("joins a call between the handler's return and the answer", () => {
    const host = new Host();
    inbound(host).serverReads(reading(2, 0xb000), get("/other"));
    const link = inbound(host).serverReads(reading(1), get("/one"));
    call(host, ended(0x1000), "/one.1");
    link.answer(writing(1, 0x1000), ok());
    host.pass(WAIT_MS);
    host.end();
    assertJoined(host, "/one.1", "/one");
  });

  it("tells which of the requests that one connection has brought", () => {
    const host = new Host();
    const link = inbound(host);
    for (const path of ["/one", "/two", "/three"]) link.serverReads(reading(1), get(path));
    call(host, carrying(CauseKind.goContext, 0x1000), "/one.1");
    link.answer(writing(1, 0x1000), ok());
    call(host, carrying(CauseKind.goContext, 0x2000), "/two.1");
    link.answer(writing(1, 0x2000), ok());
    host.end();
    assertJoined(host, "/one.1", "/one");
    assertJoined(host, "/two.1", "/two");
  });

  it("joins what the handler's own goroutine calls then, too", () => {
    const host = new Host();
    const link = inbound(host);
    for (const path of ["/one", "/two"]) link.serverReads(reading(1), get(path));
    call(host, { ...writing(1, 0x1000), coroutineId: 900, unitKind: UnitKind.goroutine, unitId: 1 }, "/one.1");
    link.answer(writing(1, 0x1000), ok());
    host.end();
    assertJoined(host, "/one.1", "/one");
  });

  it("an address that has come back is the later request's", () => {
    const host = new Host();
    const link = inbound(host);
    link.serverReads(reading(1), get("/old")).answer(writing(1, 0x1000), ok());
    link.serverReads(reading(1), get("/new")).answer(writing(1, 0x1000), ok());
    call(host, ended(0x1000), "/out");
    host.pass(WAIT_MS);
    host.end();
    assertJoined(host, "/out", "/new");
  });

  it("a later request may have the address before the wait is over", () => {
    const host = new Host();
    const link = inbound(host);
    link.serverReads(reading(1), get("/old")).answer(writing(1, 0x1000), ok());
    call(host, ended(0x1000), "/out");
    link.serverReads(reading(1), get("/new")).answer(writing(1, 0x1000), ok());
    host.pass(WAIT_MS);
    host.end();
    assertJoined(host, "/out", "/old");
  });

  it("names nobody where the open request may have the same address", () => {
    const host = new Host();
    const link = inbound(host);
    link.serverReads(reading(1), get("/old")).answer(writing(1, 0x1000), ok());
    link.serverReads(reading(1), get("/new"));
    call(host, ended(0x1000), "/out");
    host.pass(WAIT_MS);
    host.end();
    assert.equal(find(host, "/out").parentSpanId, undefined);
  });

  it("names nobody on another connection, nor long after the answer, nor where events are missing", () => {
    const host = new Host();
    inbound(host).serverReads(reading(1), get("/one")).answer(writing(1, 0x1000), ok());
    inbound(host).serverReads(reading(2, 0xb000), get("/two")).answer(writing(2, 0x2000), ok());
    call(host, ended(0x1000, 0xb000), "/out");
    host.pass(11_000);
    call(host, ended(0x1000), "/late");
    host.pass(WAIT_MS);
    const link = inbound(host).serverReads(reading(3, 0xc000), get("/three")).answer(writing(3, 0x3000), ok());
    link.misses(100).serverReads(reading(3, 0xc000), get("/four"));
    call(host, ended(0x3000, 0xc000), "/lost");
    host.pass(WAIT_MS);
    host.end();
    for (const path of ["/out", "/late", "/lost"]) assert.equal(find(host, path).parentSpanId, undefined, path);
  });
});
