import assert from "node:assert/strict";
import { FileType, IoOperation, UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { IoOptions } from "../../../src/mapping/io/io-tracer.ts";
import { type Span, SpanKind, StatusCode } from "../../../src/mapping/span.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 500;
const thread = (pid: number): Doer => ({ tgid: TGID, pid });
const goroutine = (id: number): Doer => ({ tgid: TGID, pid: TGID + (id % 3), coroutineId: id });

const hostWith = (io: Partial<IoOptions> = {}): Host =>
  new Host({ io: { as: "spans", keepsOrphans: false, maxPerRequest: 32, ...io } });
const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });
const files = (host: Host): Span[] => host.spans.filter((span) => span.kind === SpanKind.internal);
const server = (host: Host, path = "/in"): Span => host.spans.find((span) => attribute(span, "url.path") === path)!;
const evidence = (span: Span | undefined): string | undefined => span && attribute(span, "sockspan.link.evidence");
const consumed = (host: Host, reason: string): number =>
  host.engine.accounts.find(({ stage }) => stage === "span")?.consumed.get(reason) ?? 0;

describe("reads and writes of files", () => {
  it("are child spans of the request, with path, offset, bytes and duration", () => {
    const host = hostWith();
    const link = inbound(host).serverReads(goroutine(7), get("/in"));
    host.io(goroutine(7), "/var/lib/data.db", 12, { fileOffset: 8192, length: 4096 });
    host.io(goroutine(7), "", 3, { fileType: FileType.fifo, fileOffset: 2 ** 64, operation: IoOperation.write });
    link.answer(goroutine(7), ok());
    host.end();
    const [read, write] = files(host);
    assert.equal(read!.name, "read");
    assert.deepEqual([read!.parentSpanId, read!.traceId], [server(host).spanId, server(host).traceId]);
    assert.equal(evidence(read), "unit");
    assert.equal(Number(read!.endTimeUnixNano - read!.startTimeUnixNano), 12e6);
    const attributes = new Map(read!.attributes);
    assert.equal(attributes.get("file.path"), "/var/lib/data.db");
    assert.equal(attributes.get("file.name"), "data.db");
    assert.equal(attributes.get("file.directory"), "/var/lib");
    assert.equal(attributes.get("sockspan.io.offset"), 8192);
    assert.equal(attributes.get("sockspan.io.bytes"), 4096);
    assert.equal(attributes.get("thread.id"), TGID + 1);
    const pipe = new Map(write!.attributes);
    assert.deepEqual([write!.name, pipe.get("file.path"), pipe.get("file.name")], ["write", "pipe:[77]", undefined]);
    assert.equal(pipe.get("sockspan.io.offset"), undefined);
    assert.notEqual(read!.spanId, write!.spanId);
  });

  it("say that a path lacks its beginning", () => {
    const host = hostWith();
    const link = inbound(host).serverReads(goroutine(7), get("/in"));
    host.io(goroutine(7), "/deep/down/leaf", 12, { isPathCut: 1 });
    link.answer(goroutine(7), ok());
    host.end();
    const attributes = new Map(files(host)[0]!.attributes);
    assert.deepEqual([attributes.get("file.path"), attributes.get("file.name")], [".../deep/down/leaf", "leaf"]);
  });

  it("are errors when they failed", () => {
    const host = hostWith();
    const link = inbound(host).serverReads(goroutine(7), get("/in"));
    host.io(goroutine(7), "/mnt/bad", 900, { error: 5, length: 0 });
    link.answer(goroutine(7), ok());
    host.end();
    assert.equal(files(host)[0]!.status, StatusCode.error);
    assert.equal(attribute(files(host)[0]!, "error.type"), "EIO");
  });

  it("are events of the request's span, where that is wanted", () => {
    const host = hostWith({ as: "span_events" });
    const link = inbound(host).serverReads(goroutine(7), get("/in"));
    host.io(goroutine(7), "/a", 12);
    link.answer(goroutine(7), ok());
    host.end();
    assert.equal(files(host).length, 0);
    const [event] = server(host).events;
    assert.equal(event!.name, "read");
    const attributes = new Map(event!.attributes);
    assert.equal(attributes.get("sockspan.io.duration"), 0.012);
    assert.equal(attributes.get("file.path"), "/a");
    assert.ok(event!.timeUnixNano > server(host).startTimeUnixNano);
  });

  it("thread: of several threads, each to the request that it reads and answers", () => {
    const host = hostWith();
    const links = [1, 2, 3].map((pid) => inbound(host).serverReads(thread(TGID + pid), get(`/in${pid}`)));
    for (const pid of [3, 1, 2]) host.io(thread(TGID + pid), `/file${pid}`, 5);
    for (const pid of [2, 3, 1]) links[pid - 1]!.answer(thread(TGID + pid), ok());
    host.end();
    assert.equal(files(host).length, 3);
    for (const span of files(host)) {
      const pid = attribute(span, "file.path")!.slice(-1);
      assert.equal(span.parentSpanId, server(host, `/in${pid}`).spanId);
      assert.equal(evidence(span), "thread");
    }
  });

  it("turn: on a loop, what lies between a request and its answer with nothing read in between", () => {
    const host = hostWith();
    const loop = thread(TGID);
    const waiting = inbound(host).serverReads(loop, get("/waiting"));
    const call = outbound(host).send(loop, get("/out"));
    const link = inbound(host).serverReads(loop, get("/in"));
    host.io(loop, "/a", 5);
    link.answer(loop, ok());
    call.clientReads(loop, ok());
    waiting.answer(loop, ok());
    host.end();
    assert.deepEqual(files(host).map(evidence), ["turn"]);
    assert.equal(files(host)[0]!.parentSpanId, server(host).spanId);
  });

  it("is nobody's on a loop that reads one request after the other and works later", () => {
    const host = hostWith();
    const loop = thread(TGID);
    const links = ["/a", "/b", "/c"].map((path) => inbound(host).serverReads(loop, get(path)));
    host.io(loop, "/of a", 5);
    links[2]!.answer(loop, ok());
    links[1]!.answer(loop, ok());
    links[0]!.answer(loop, ok());
    host.end();
    assert.equal(files(host).length, 0);
    assert.equal(consumed(host, "io_outside_request"), 1);
  });

  it("answer_unit: a context that answers had read the file before", () => {
    const host = hostWith();
    const context = (unitId: number): Doer => ({ tgid: TGID, unitKind: UnitKind.pythonContext, unitId });
    const [first, second] = [inbound(host), inbound(host)];
    first.serverReads(context(1), get("/first"));
    second.serverReads(context(1), get("/second"));
    host.io(context(20), "/second", 2);
    host.io(context(10), "/first", 2);
    second.answer(context(20), ok());
    first.answer(context(10), ok());
    host.end();
    for (const span of files(host)) {
      assert.equal(span.parentSpanId, server(host, attribute(span, "file.path")!).spanId);
      assert.equal(evidence(span), "answer_unit");
    }
    assert.equal(files(host).length, 2);
  });

  it("single: another thread's, while one request alone is served", () => {
    const host = hostWith();
    const link = inbound(host).serverReads(thread(TGID), get("/in"));
    host.io(thread(TGID + 9), "/pool", 5);
    link.answer(thread(TGID), ok());
    host.end();
    assert.equal(evidence(files(host)[0]), "single");
  });

  it("is nobody's when the process does such things on its own account", () => {
    const host = hostWith();
    host.io(thread(TGID + 9), "/log", 5);
    const link = inbound(host).serverReads(thread(TGID), get("/in"));
    host.io(thread(TGID + 9), "/log", 5);
    link.answer(thread(TGID), ok());
    host.end();
    assert.equal(files(host).length, 0);
    assert.equal(consumed(host, "io_outside_request"), 2);
  });

  it("is not the request's when it began before the request was read", () => {
    const host = hostWith();
    const link = inbound(host).serverReads(thread(TGID), get("/in"));
    const startedBefore = host.nowNs - 50e6;
    host.io(thread(TGID), "/waits", 5, { entryNs: startedBefore });
    link.answer(thread(TGID), ok());
    host.end();
    assert.equal(files(host).length, 0);
  });

  it("are spans of their own where all are wanted", () => {
    const host = hostWith({ keepsOrphans: true });
    host.io(thread(TGID), "/alone", 5);
    host.end();
    const [span] = files(host);
    assert.equal(span!.parentSpanId, undefined);
    assert.match(span!.traceId, /^[0-9a-f]{32}$/);
  });

  it("are left out beyond the limit of a request, and counted", () => {
    const host = hostWith({ maxPerRequest: 2 });
    const link = inbound(host).serverReads(goroutine(7), get("/in"));
    for (let index = 0; index < 5; index++) host.io(goroutine(7), "/a", 2);
    link.answer(goroutine(7), ok());
    host.end();
    assert.equal(files(host).length, 2);
    assert.equal(consumed(host, "io_limit"), 3);
  });

  it("change nothing of how calls are joined", () => {
    const host = hostWith();
    const loop = thread(TGID);
    for (let round = 0; round < 40; round++) {
      const link = inbound(host).serverReads(loop, get(`/in${round}`));
      const call = outbound(host);
      if (round % 2 === 0) host.io(loop, "/a", 2);
      call.send(loop, get(`/out${round}`));
      host.io(thread(TGID + 4), "/b", 2);
      call.clientReads(loop, ok());
      link.answer(loop, ok());
    }
    host.end();
    const calls = host.spans.filter((span) => span.kind === SpanKind.client);
    assert.ok(calls.every((span) => span.parentSpanId !== undefined));
  });

  it("leaves nothing held when its process ends while the request is open", () => {
    const host = hostWith();
    inbound(host).serverReads(thread(TGID), get("/in"));
    host.io(thread(TGID), "/a", 5);
    host.exit(TGID);
    host.end();
    assert.equal(files(host).length, 0);
  });
});
