import assert from "node:assert/strict";
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 500;

const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });
const task = (unitId: number, over: Partial<Doer> = {}): Doer => ({
  tgid: TGID,
  unitKind: UnitKind.tokioTask,
  unitId,
  ...over,
});
/** The client connection's task, woken by task 1. */
const client = task(9, { causeKind: CauseKind.waker, causeId: 1 });

/** The client connection's task wakes task 1, first since it has read an answer. */
function wakes(host: Host): void {
  host.engine.unitEdge({
    header: { kind: EventKind.unitEdge, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
    fromId: 9,
    toId: 1,
    fromCreation: 0,
    work: 0,
    edge: UnitEdge.answers,
    unitKind: UnitKind.tokioTask,
  });
}

function call(host: Host, upstream: Link, name: string): void {
  upstream.send(client, get(name)).clientReads(client, ok());
  wakes(host);
}

/** By path: the path of its parent. */
function parents(host: Host): Record<string, string | undefined> {
  const pathOf = (index: number) => attribute(host.spans[index]!, "url.path", "url.full")!.replace(/^http:..[^/]*/, "");
  const names = new Map(host.spans.map((span, index) => [span.spanId, pathOf(index)]));
  return Object.fromEntries(
    host.spans.map((span, index) => [pathOf(index), names.get(span.parentSpanId ?? "")] as const),
  );
}

describe("requests that a task reads while it serves earlier ones of its connection", () => {
  it("calls that it waited for before the answer are for the request that is answered", () => {
    const host = new Host();
    const link = inbound(host).serverReads(task(1), get("/a"));
    const upstream = outbound(host);
    upstream.send(client, get("/a.1"));
    link.serverReads(task(1), get("/b"));
    upstream.clientReads(client, ok());
    wakes(host);
    call(host, upstream, "/a.2");
    link.answer(task(1), ok());
    link.serverReads(task(1), get("/c"));
    call(host, upstream, "/b.1");
    link.answer(task(1), ok());
    call(host, upstream, "/c.1");
    link.answer(task(1), ok());
    host.pass(1000);
    host.end();
    const found = parents(host);
    for (const name of ["/a.1", "/a.2", "/b.1", "/c.1"]) assert.equal(found[name], name.slice(0, 2), name);
    const b1 = host.spans.find((span) => attribute(span, "url.full")?.endsWith("/b.1"));
    assert.equal(attribute(b1!, "sockspan.link.evidence"), "waker");
  });

  it("a call behind the beginning of an answer may be for the next request", () => {
    const host = new Host();
    const link = inbound(host).serverReads(task(1), get("/a"));
    link.serverReads(task(1), get("/b"));
    const upstream = outbound(host);
    link.answer(task(1), "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    call(host, upstream, "/x.1");
    link.answer(task(1), "def");
    link.serverReads(task(1), get("/c"));
    call(host, upstream, "/y.1");
    link.answer(task(1), ok());
    host.pass(1000);
    host.end();
    assert.equal(parents(host)["/x.1"], undefined);
    assert.equal(parents(host)["/y.1"], undefined, "the answer before it went out in parts: this may wait behind it");
  });

  it("answers that go out together say nothing of what was called before them", () => {
    const host = new Host();
    const link = inbound(host).serverReads(task(1), get("/a"));
    link.serverReads(task(1), get("/b"));
    link.serverReads(task(1), get("/c"));
    link.serverReads(task(1), get("/d"));
    const upstream = outbound(host);
    link.answer(task(1), ok() + ok());
    call(host, upstream, "/x.1");
    link.answer(task(1), ok());
    host.pass(1000);
    host.end();
    assert.equal(parents(host)["/x.1"], undefined);
  });

  it("nor of what was called before the first of them", () => {
    const host = new Host();
    const link = inbound(host).serverReads(task(1), get("/a"));
    link.serverReads(task(1), get("/b"));
    const upstream = outbound(host);
    call(host, upstream, "/x.1");
    link.answer(task(1), ok() + ok());
    host.pass(1000);
    host.end();
    assert.equal(parents(host)["/x.1"], undefined);
  });

  it("a lost answer leaves its calls alone", () => {
    const host = new Host();
    const link = inbound(host).serverReads(task(1), get("/a"));
    link.serverReads(task(1), get("/b"));
    const upstream = outbound(host);
    call(host, upstream, "/a.1");
    link.answerLost(ok());
    call(host, upstream, "/b.1");
    link.answer(task(1), ok());
    host.pass(1000);
    host.end();
    assert.equal(parents(host)["/b.1"], undefined);
  });
});
