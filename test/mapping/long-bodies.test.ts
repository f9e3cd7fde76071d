/** Bodies whose length no head says, and of which the kernel copies only the beginning of each call. */
import assert from "node:assert/strict";
import { SpanKind } from "../../src/mapping/span.ts";
import { attribute, get, Host, type Link, ok } from "../support/host.ts";

const CURL = { tgid: 10, comm: "curl" };
const SERVER = { tgid: 20, pid: 21, comm: "server" };
const PIECE = 65_536;
const PIECES = 20;

function chunkedBody(): Buffer {
  const chunk = Buffer.concat([Buffer.from("12345\r\n"), Buffer.alloc(0x12345, "x"), Buffer.from("\r\n")]);
  const body = Buffer.concat([...Array.from({ length: PIECES }, () => chunk), Buffer.from("0\r\n\r\n")]);
  return body;
}

/** Calls that have nothing to do with the chunks, a millisecond apart. */
function inPieces(host: Host, body: Buffer, move: (piece: Buffer) => unknown): void {
  for (let from = 0; from < body.length; from += PIECE) {
    host.pass(1);
    move(body.subarray(from, from + PIECE));
  }
}

const PREFIX = { captured: 4096 };
const lastedMs = ({ startTimeUnixNano, endTimeUnixNano }: Host["spans"][number]) =>
  Number(endTimeUnixNano - startTimeUnixNano) / 1e6;

describe("long bodies of HTTP/1", () => {
  let host: Host;
  let link: Link;
  beforeEach(() => {
    host = new Host();
    link = host.connect().opened();
  });

  it("last until their last byte where chunks can't be followed, and the next exchange is whole", () => {
    link.request(CURL, SERVER, get("/download"));
    link.respond(SERVER, CURL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    inPieces(host, chunkedBody(), (piece) => link.respond(SERVER, CURL, piece, PREFIX));
    host.pass(500);
    link.request(CURL, SERVER, get("/next")).respond(SERVER, CURL, ok());
    const spans = host.end();
    for (const kind of [SpanKind.client, SpanKind.server]) {
      const [download, next, ...more] = spans.filter((span) => span.kind === kind);
      assert.deepEqual(more, []);
      assert.equal(attribute(download!, "http.response.status_code"), "200");
      assert.equal(attribute(download!, "sockspan.incomplete"), undefined);
      assert.ok(lastedMs(download!) > PIECES && lastedMs(download!) < 100, `${lastedMs(download!)} ms`);
      assert.match(attribute(next!, "url.path", "url.full")!, /\/next$/);
      assert.equal(attribute(next!, "http.response.status_code"), "200");
    }
  });

  it("are over soon behind their last byte, though the connection stays open", () => {
    link.request(CURL, SERVER, get("/download"));
    link.respond(SERVER, CURL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    inPieces(host, chunkedBody(), (piece) => link.respond(SERVER, CURL, piece, PREFIX));
    for (let i = 0; i < 10; i++) host.pass(1_000);
    assert.equal(host.spans.length, 2);
    for (const span of host.spans) assert.ok(lastedMs(span) > PIECES && lastedMs(span) < 100);
    host.end();
  });

  it("last until their last byte where the end of the connection is theirs", () => {
    link.request(CURL, SERVER, get("/download"));
    link.respond(SERVER, CURL, "HTTP/1.1 200 OK\r\n\r\n");
    inPieces(host, Buffer.alloc(PIECE * PIECES), (piece) => link.respond(SERVER, CURL, piece, PREFIX));
    link.close();
    host.pass(100);
    assert.equal(host.spans.length, 2);
    for (const span of host.spans) {
      assert.equal(attribute(span, "sockspan.incomplete"), undefined);
      assert.ok(lastedMs(span) > PIECES - 1, `${lastedMs(span)} ms`);
    }
    assert.equal(host.engine.accounts[0]!.lost.size, 0, "a body that is passed over is no loss");
    host.end();
  });

  it("of requests leave their answers to them", () => {
    link.request(CURL, SERVER, "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    inPieces(host, chunkedBody(), (piece) => link.request(CURL, SERVER, piece, PREFIX));
    link.respond(SERVER, CURL, ok());
    link.request(CURL, SERVER, get("/next")).respond(SERVER, CURL, ok());
    const spans = host.end();
    assert.equal(spans.length, 4);
    for (const span of spans) {
      assert.equal(attribute(span, "http.response.status_code"), "200");
      assert.equal(attribute(span, "sockspan.incomplete"), undefined);
    }
    for (const span of spans.slice(0, 2)) assert.ok(lastedMs(span) > PIECES, `${lastedMs(span)} ms`);
  });

  it("that end too early are no whole answers", () => {
    link.request(CURL, SERVER, get("/cut"));
    link.respond(SERVER, CURL, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
    host.pass(200);
    link.close();
    host.pass(100);
    assert.equal(host.spans.length, 2);
    const client = host.spans.find(({ kind }) => kind === SpanKind.client)!;
    assert.equal(attribute(client, "http.response.status_code"), "200");
    assert.equal(attribute(client, "sockspan.incomplete"), "connection_closed");
    assert.equal(attribute(client, "error.type"), "connection_closed");
    assert.ok(lastedMs(client) > 199);
    host.end();
  });

  it("that were sent by calls that are not told are whole", () => {
    link.request(CURL, SERVER, get("/sendfile"));
    link.answer(SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").close();
    host.pass(100);
    const server = host.spans.find(({ kind }) => kind === SpanKind.server)!;
    assert.equal(attribute(server, "sockspan.incomplete"), undefined);
    host.end();
  });

  it("of which the kernel has told no more are taken for whole", () => {
    link.request(CURL, SERVER, get("/skipped"));
    link.respond(SERVER, CURL, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc");
    host.pass(200);
    link.close();
    host.pass(100);
    for (const span of host.spans) assert.equal(attribute(span, "sockspan.incomplete"), undefined);
    assert.equal(host.end().length, 2);
  });
});
