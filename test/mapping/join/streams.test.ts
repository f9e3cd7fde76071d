import assert from "node:assert/strict";
import { CauseKind, EventKind, UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { Span } from "../../../src/mapping/span.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 500;
/** Of the goroutine that serves the connection. */
const CONNECTION = 7;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
/** Static table of RFC 7541: :method GET, :scheme http, :status 200. */
const GET_HTTP = [0x82, 0x86];
const STATUS_OK = [0x88];
const END_STREAM_AND_HEADERS = 0x05;

/** A HEADERS frame that is all of its message; a path is a literal (RFC 7541, 6.2.2, of the indexed name :path). */
function headers(streamId: number, fields: readonly number[], path = ""): string {
  const named = path === "" ? [] : [0x04, path.length, ...Buffer.from(path)];
  const length = fields.length + named.length;
  return Buffer.from([0, 0, length, 1, END_STREAM_AND_HEADERS, 0, 0, 0, streamId, ...fields, ...named]).toString(
    "latin1",
  );
}
const request = (streamId: number, path: string): string => headers(streamId, GET_HTTP, path);
const answer = (streamId: number): string => headers(streamId, STATUS_OK);

const goroutine = (coroutineId: number, over: Partial<Doer> = {}): Doer => ({ tgid: TGID, coroutineId, ...over });
/** It reads frames for the goroutine of the connection. */
const reader = goroutine(8, { causeKind: CauseKind.goReader, causeId: CONNECTION });
/** writeLoop for the goroutine that was started for a stream. */
const handling = (streamId: number, connection = CONNECTION): Doer =>
  goroutine(900, {
    unitKind: UnitKind.goroutine,
    unitId: 100 + streamId,
    causeKind: CauseKind.goStream,
    causeId: connection,
    causeRequest: streamId,
  });

const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const pathOf = (span: Span): string => attribute(span, "url.path", "url.full")?.replace(/^http:..[^/]*/, "") ?? "";
const find = (host: Host, path: string): Span => host.spans.find((span) => pathOf(span) === path)!;

function call(host: Host, by: Doer, path: string): void {
  host.connect({ only: "client", serverPort: 9000 }).send(by, get(path)).clientReads(goroutine(901), ok());
}

function assertJoined(host: Host, child: string, parent: string): void {
  assert.equal(find(host, child).parentSpanId, find(host, parent).spanId);
  assert.equal(attribute(find(host, child), "sockspan.link.evidence"), "stream");
}

describe("streams of Go's servers over HTTP/2", () => {
  it("joins what the goroutine of a stream calls, whatever else is open", () => {
    const host = new Host();
    const link = inbound(host).serverReads(reader, PREFACE + request(1, "/one") + request(3, "/two"));
    call(host, handling(3), "/two.1");
    call(host, handling(1), "/one.1");
    link.answer(goroutine(9), answer(3) + answer(1));
    host.end();
    assertJoined(host, "/one.1", "/one");
    assertJoined(host, "/two.1", "/two");
  });

  it("joins what it calls behind the answer, when the next request is open", () => {
    const host = new Host();
    const link = inbound(host)
      .serverReads(reader, PREFACE + request(1, "/one"))
      .answer(goroutine(9), answer(1));
    link.serverReads(reader, request(3, "/two"));
    call(host, handling(1), "/one.1");
    link.answer(goroutine(9), answer(3));
    host.end();
    assertJoined(host, "/one.1", "/one");
  });

  it("joins what goroutines call that it has made, once three requests have made some", () => {
    const host = new Host();
    const child = (streamId: number): Doer =>
      goroutine(200 + streamId, { causeKind: CauseKind.goStreamChild, causeId: CONNECTION, causeRequest: streamId });
    const link = inbound(host).serverReads(reader, PREFACE);
    for (const streamId of [1, 3, 5, 7]) {
      link.serverReads(reader, request(streamId, `/r${streamId}`));
      call(host, child(streamId), `/r${streamId}.1`);
      link.answer(goroutine(9), answer(streamId));
    }
    link.serverReads(reader, request(9, "/r9") + request(11, "/r11"));
    call(host, child(11), "/r11.1");
    call(host, child(9), "/r9.1");
    host.pass(600);
    host.end();
    for (const streamId of [1, 3, 5, 7, 9, 11])
      assert.equal(find(host, `/r${streamId}.1`).parentSpanId, find(host, `/r${streamId}`).spanId, `${streamId}`);
  });

  it("tells connections apart by who reads them, which may be the connection's goroutine itself", () => {
    const host = new Host();
    inbound(host).serverReads(reader, PREFACE + request(1, "/one"));
    inbound(host).serverReads(goroutine(17), PREFACE + request(1, "/other"));
    call(host, handling(1, 17), "/other.1");
    call(host, handling(1), "/one.1");
    call(host, handling(1, 27), "/nobody.1");
    call(host, handling(5), "/nothing.1");
    host.end();
    assertJoined(host, "/one.1", "/one");
    assertJoined(host, "/other.1", "/other");
    for (const path of ["/nobody.1", "/nothing.1"]) assert.equal(find(host, path).parentSpanId, undefined, path);
  });

  it("are told of from their beginning where a call comes of which nothing is known, as long as that is of use", () => {
    const said: boolean[] = [];
    const host = new Host({
      watch: (_, what, isOn) => {
        if (what === "handlers") said.push(isOn);
      },
    });
    const stray = (count: number): void => {
      for (let made = 0; made < count; made++) call(host, goroutine(5000 + made), "/stray");
    };
    const plain = inbound(host).serverReads(goroutine(1), get("/plain"));
    stray(600);
    assert.deepEqual(said, [], "it serves no streams");
    plain.answer(goroutine(1), ok());
    const link = inbound(host).serverReads(reader, PREFACE + request(1, "/one"));
    stray(1);
    assert.deepEqual(said, [true]);
    stray(510);
    assert.deepEqual(said, [true]);
    stray(10);
    assert.deepEqual(said, [true, false]);
    stray(1600);
    assert.deepEqual(said, [true, false, true]);
    const child = { causeKind: CauseKind.goStreamChild, causeId: CONNECTION, causeRequest: 1 };
    call(host, goroutine(201, child), "/one.1");
    stray(600);
    assert.deepEqual(said, [true, false, true]);
    link.answer(goroutine(9), answer(1));
    host.end();
  });
});

describe("calls of Go's client over HTTP/2 that one goroutine writes for all", () => {
  const WRITER = 50;
  const asked = (host: Host, streamId: number, caller: number, causeKind = 0, causeId = 0): void =>
    host.engine.streamCall({
      header: { kind: EventKind.streamCall, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
      writerId: WRITER,
      unitId: caller,
      unitParent: 0,
      causeId,
      causeRequest: 0,
      streamId,
      causeKind,
    });
  const serving = (id: number): Doer => goroutine(id, { causeKind: CauseKind.goConnection, causeId: 0xa000 + id * 64 });

  it("joins each with the request of the goroutine that has asked for it", () => {
    const host = new Host();
    const one = inbound(host).serverReads(serving(1), get("/one"));
    const two = inbound(host).serverReads(serving(2), get("/two"));
    const link = host.connect({ only: "client", serverPort: 9000 });
    asked(host, 1, 2);
    asked(host, 3, 1);
    link.send(goroutine(WRITER), PREFACE + request(1, "/two.1") + request(3, "/one.1"));
    asked(host, 5, 77, CauseKind.goContext, 0xa000 + 64);
    link.send(goroutine(WRITER), request(5, "/one.2"));
    link.clientReads(goroutine(51), answer(5) + answer(3) + answer(1));
    two.answer(goroutine(2), ok());
    one.answer(goroutine(1), ok());
    host.end();
    for (const [child, parent] of [
      ["/two.1", "/two"],
      ["/one.1", "/one"],
      ["/one.2", "/one"],
    ] as const)
      assert.equal(find(host, child).parentSpanId, find(host, parent).spanId, child);
  });

  it("joins none that another connection's goroutine writes, nor one of whom nothing was told", () => {
    const host = new Host();
    const one = inbound(host).serverReads(serving(1), get("/one"));
    const two = inbound(host).serverReads(serving(2), get("/two"));
    asked(host, 1, 1);
    const link = host.connect({ only: "client", serverPort: 9000 });
    link.send(goroutine(WRITER + 1), PREFACE + request(1, "/one.1") + request(3, "/one.2"));
    link.clientReads(goroutine(51), answer(1) + answer(3));
    one.answer(goroutine(1), ok());
    two.answer(goroutine(2), ok());
    host.end();
    assert.equal(find(host, "/one.1").parentSpanId, undefined);
    assert.equal(find(host, "/one.2").parentSpanId, undefined);
  });

  it("are told as long as the program makes some while it serves, and again when one comes unseen", () => {
    const said: boolean[] = [];
    const host = new Host({
      watch: (_, what, isOn) => {
        if (what === "streams") said.push(isOn);
      },
    });
    const serve = (count: number): void => {
      for (let request = 0; request < count; request++)
        inbound(host).serverReads(serving(1), get("/one")).answer(goroutine(1), ok());
    };
    const link = host.connect({ only: "client", serverPort: 9000 });
    serve(1000);
    asked(host, 1, 1);
    link.send(goroutine(WRITER), PREFACE + request(1, "/one.1"));
    serve(1000);
    assert.deepEqual(said, []);
    serve(30);
    assert.deepEqual(said, [false]);
    link.send(goroutine(WRITER), request(3, "/one.2"));
    assert.deepEqual(said, [false, true]);
    serve(4000);
    assert.deepEqual(said, [false, true]);
    serve(100);
    assert.deepEqual(said, [false, true, false]);
  });
});
