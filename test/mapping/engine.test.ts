import assert from "node:assert/strict";
import fc from "fast-check";
import { EventFlags } from "../../src/bpf/layout.gen.ts";
import { SpanFlags, SpanKind, StatusCode } from "../../src/mapping/span.ts";
import { attribute, get, Host, ok } from "../support/host.ts";

const CURL = { tgid: 10, comm: "curl" };
const SERVER = { tgid: 20, pid: 21, comm: "server" };

describe("TraceEngine", () => {
  it("makes a CLIENT and a SERVER span of one exchange, joined by it", () => {
    const host = new Host();
    host.connect().request(CURL, SERVER, get("/a?x=1")).respond(SERVER, CURL, ok("hello"));
    host.pass(0);
    const [server, client] = host.end();
    assert.ok(server !== undefined && client !== undefined);
    assert.equal(host.spans.length, 2);
    assert.equal(client.kind, SpanKind.client);
    assert.equal(server.kind, SpanKind.server);
    assert.equal(client.parentSpanId, undefined);
    assert.equal(server.parentSpanId, client.spanId);
    assert.equal(server.traceId, client.traceId);
    assert.match(client.traceId, /^[0-9a-f]{32}$/);
    assert.match(client.spanId, /^[0-9a-f]{16}$/);
    assert.notEqual(client.spanId, server.spanId);
    assert.equal(server.flags & SpanFlags.isRemote, SpanFlags.isRemote);
    assert.equal(client.flags, SpanFlags.sampled | SpanFlags.hasIsRemote);
    assert.ok(client.startTimeUnixNano < server.startTimeUnixNano);
    assert.ok(server.endTimeUnixNano < client.endTimeUnixNano);
    assert.equal(attribute(client, "url.full"), "http://host.example/a?x=REDACTED");
    assert.equal(attribute(server, "url.path"), "/a");
    assert.equal(attribute(server, "url.query"), "x=REDACTED");
    assert.equal(attribute(server, "client.address"), "127.0.0.1");
    assert.equal(attribute(server, "thread.id"), "21");
    assert.equal(attribute(server, "sockspan.link.evidence"), "exchange");
    assert.equal(attribute(client, "peer.service"), undefined, "the peer is traced");
    assert.equal(attribute(client, "sockspan.tcp.seq"), attribute(server, "sockspan.tcp.seq"));
  });

  it("joins both ends when the protocol shows by its answer only, which the server's end has first", () => {
    const host = new Host();
    const link = host.connect({ serverPort: 40_404 });
    link.request(CURL, SERVER, "version\r\n").respond(SERVER, CURL, "VERSION 1.6.18\r\n");
    link.request(CURL, SERVER, "get key\r\n").respond(SERVER, CURL, "END\r\n");
    host.pass(0);
    const spans = host.end();
    assert.equal(spans.length, 4);
    for (const name of ["version", "get"]) {
      const [client, server] = spans.filter((span) => span.name === name).sort((a, b) => b.kind - a.kind);
      assert.equal(server?.parentSpanId, client?.spanId, name);
      assert.equal(attribute(client!, "peer.service"), undefined, "the peer is traced");
    }
  });

  it("waits a moment for a client's end that is told late, and no longer", () => {
    const host = new Host();
    const link = host.connect();
    link.serverReads(SERVER, get("/late")).answer(SERVER, ok());
    host.pass(10);
    assert.equal(host.spans.length, 0);
    link.send(CURL, get("/late")).clientReads(CURL, ok());
    host.pass(0);
    assert.equal(host.spans.length, 2);
    assert.equal(host.spanOf(SERVER.tgid).parentSpanId, host.spanOf(CURL.tgid).spanId);
    host.connect().serverReads(SERVER, get("/alone")).answer(SERVER, ok());
    host.pass(49);
    assert.equal(host.spans.length, 2);
    host.pass(2);
    assert.equal(host.spans.length, 3);
  });

  it("leaves both spans at once, when nothing is in doubt", () => {
    const host = new Host();
    const link = host.connect();
    link.request(CURL, SERVER, get("/a")).answer(SERVER, ok());
    host.pass(0);
    assert.equal(host.spans.length, 1);
    link.clientReads(CURL, ok());
    host.pass(0);
    assert.equal(host.spans.length, 2);
  });

  it("gives the same ids on two hosts, and joins through NAT on one", () => {
    const whole = new Host();
    whole.connect({ clientSeenAs: "192.0.2.9" }).request(CURL, SERVER, get("/a")).respond(SERVER, CURL, ok());
    const halves = (["client", "server"] as const).map((only) => {
      const host = new Host();
      host.connect({ only }).request(CURL, SERVER, get("/a")).respond(SERVER, CURL, ok());
      return host.end()[0]!;
    });
    const [server, client] = whole.end();
    assert.equal(server?.parentSpanId, client?.spanId);
    assert.equal(halves[0]?.spanId, client?.spanId);
    assert.equal(halves[1]?.spanId, server?.spanId);
    assert.equal(attribute(halves[0]!, "peer.service"), "host.example");
    assert.equal(attribute(halves[0]!, "service.peer.name"), "host.example");
  });

  it("names different exchanges differently", () => {
    const host = new Host();
    const link = host.connect();
    for (let index = 0; index < 50; index++) {
      link.request(CURL, SERVER, get("/a")).respond(SERVER, CURL, ok());
      host.connect().request(CURL, SERVER, get("/a")).respond(SERVER, CURL, ok());
    }
    const spans = host.end();
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, 200);
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 100);
  });

  it("reads a header in two segments, and one byte per write", () => {
    const host = new Host();
    const text = get("/split", `X-Long: ${"y".repeat(9000)}\r\n`);
    const link = host.connect();
    link.send(CURL, text.slice(0, 20)).send(CURL, text.slice(20));
    for (const byte of text) link.serverReads(SERVER, byte);
    for (const byte of ok("abc")) link.answer(SERVER, byte);
    link.clientReads(CURL, ok("abc"));
    const [server, client] = host.end();
    assert.equal(attribute(server!, "url.path"), "/split");
    assert.equal(server?.parentSpanId, client?.spanId);
  });

  it("skips bodies that were captured by their prefix, or not at all", () => {
    const host = new Host();
    const link = host.connect();
    const body = new Uint8Array(1_000_000);
    link.request(CURL, SERVER, `POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
    for (let from = 0; from < body.length; from += 65_536) {
      link.request(CURL, SERVER, body.subarray(from, from + 65_536), { captured: 255 });
    }
    link.respond(SERVER, CURL, `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    // sendfile: a length, no bytes
    link.respond(SERVER, CURL, body, { captured: 0, flags: EventFlags.noBytes });
    link.request(CURL, SERVER, get("/next")).respond(SERVER, CURL, ok());
    const spans = host.end();
    assert.deepEqual(
      spans.map((span) => [span.kind, attribute(span, "http.request.method")]),
      [
        [SpanKind.server, "POST"],
        [SpanKind.client, "POST"],
        [SpanKind.server, "GET"],
        [SpanKind.client, "GET"],
      ],
    );
    assert.equal(attribute(spans[0]!, "http.request.body.size"), "1000000");
    assert.equal(host.engine.accounts[0]!.lost.size, 0);
  });

  it("counts what nobody reads as consumed: that is no loss", () => {
    const host = new Host();
    const link = host.connect().opened();
    link.request(CURL, SERVER, "SSH-2.0-OpenSSH_9.2\r\n").respond(SERVER, CURL, "SSH-2.0-OpenSSH_9.2\r\n");
    link.request(CURL, SERVER, new Uint8Array(100_000), { captured: 4096 });
    link.close();
    assert.deepEqual(host.end(), []);
    const [bytes] = host.engine.accounts;
    assert.equal(bytes!.lost.size, 0, JSON.stringify([...bytes!.lost]));
    assert.equal(bytes!.consumed.get("unknown_protocol"), bytes!.in);
  });

  it("gives a Redis command the answer of which only the beginning was captured", () => {
    const host = new Host();
    const link = host.connect({ serverPort: 6379 });
    const command = (...words: string[]): string =>
      `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
    const items = Array.from({ length: 500 }, (_, index) => `$5\r\nk${1000 + index}\r\n`);
    const answer = Buffer.from(`*500\r\n${items.join("")}`, "latin1");
    link.request(CURL, SERVER, command("KEYS", "*"));
    for (let from = 0; from < answer.length; from += 2000) {
      host.pass(1);
      link.respond(SERVER, CURL, answer.subarray(from, from + 2000), { captured: 255 });
    }
    host.pass(1);
    link.request(CURL, SERVER, command("PING")).respond(SERVER, CURL, "+PONG\r\n");
    const spans = host.end().filter(({ kind }) => kind === SpanKind.client);
    assert.deepEqual(
      spans.map((span) => [span.name, attribute(span, "sockspan.incomplete")]),
      [
        ["KEYS", undefined],
        ["PING", undefined],
      ],
    );
    assert.ok(spans[0]!.endTimeUnixNano - spans[0]!.startTimeUnixNano > 2_000_000n);
  });

  it("gives a request its answer when its head was captured by its prefix", () => {
    const host = new Host();
    const link = host.connect().opened();
    const head = `GET /large HTTP/1.1\r\nHost: a\r\nCookie: ${"k=v; ".repeat(2000)}\r\n\r\n`;
    link.request(CURL, SERVER, Buffer.from(head), { captured: 4096 }).respond(SERVER, CURL, ok());
    link.request(CURL, SERVER, get("/next")).respond(SERVER, CURL, ok());
    assert.deepEqual(
      host
        .end()
        .map((span) => [
          span.kind,
          attribute(span, "http.response.status_code"),
          attribute(span, "sockspan.incomplete"),
        ]),
      [
        [SpanKind.server, "200", undefined],
        [SpanKind.client, "200", undefined],
        [SpanKind.server, "200", undefined],
        [SpanKind.client, "200", undefined],
      ],
    );
  });

  it("says what became of a request whose client died half way", () => {
    const host = new Host();
    const link = host.connect().opened();
    link.request(CURL, SERVER, "POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome").close();
    host.pass(100);
    const [span] = host.spans;
    assert.equal(host.spans.length, 2);
    assert.equal(attribute(span!, "error.type"), "connection_closed");
    assert.equal(span?.status, StatusCode.error);
    host.end();
  });

  it("makes no path of the asterisk that asks of the server as a whole", () => {
    const host = new Host();
    const link = host.connect().opened();
    link.request(CURL, SERVER, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    link.respond(SERVER, CURL, "HTTP/1.1 204 No Content\r\n\r\n").close();
    host.pass(100);
    const client = host.spans.find(({ kind }) => kind === SpanKind.client);
    assert.equal(attribute(client!, "url.full"), "http://a");
    host.end();
  });

  it("lets a request that was never answered last until its connection was closed", () => {
    const host = new Host();
    const link = host.connect().opened();
    link.request(CURL, SERVER, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    host.pass(300);
    link.close();
    host.pass(100);
    assert.equal(host.spans.length, 2);
    for (const { startTimeUnixNano, endTimeUnixNano } of host.spans) {
      const lastedMs = Number(endTimeUnixNano - startTimeUnixNano) / 1e6;
      assert.ok(lastedMs >= 299 && lastedMs < 320, `${lastedMs} ms`);
    }
    host.end();
  });

  it("sets the status by the side: 4xx is the client's error, 5xx both's", () => {
    for (const [status, server, client] of [
      ["200 OK", StatusCode.unset, StatusCode.unset],
      ["404 Not Found", StatusCode.unset, StatusCode.error],
      ["503 Service Unavailable", StatusCode.error, StatusCode.error],
    ] as const) {
      const host = new Host();
      host.connect().request(CURL, SERVER, get("/a")).respond(SERVER, CURL, ok("", status));
      assert.deepEqual(
        host.end().map((span) => span.status),
        [server, client],
      );
    }
  });

  it("picks up connections that were open before, at the next message", () => {
    for (const isRoleUnknown of [false, true]) {
      const host = new Host();
      const link = host.connect({ clientOffset: 7777, serverOffset: 99_999, isRoleUnknown });
      link.respond(SERVER, CURL, "the end of some body");
      link.request(CURL, SERVER, get("/first")).respond(SERVER, CURL, ok("hello"));
      link.request(CURL, SERVER, get("/second")).respond(SERVER, CURL, ok("hello"));
      const spans = host.end();
      assert.deepEqual(
        spans.map((span) => attribute(span, "url.path", "url.full")),
        ["/first", "http://host.example/first", "/second", "http://host.example/second"],
      );
    }
  });

  it("pairs pipelined requests in their order", () => {
    const host = new Host();
    const link = host.connect();
    link.request(CURL, SERVER, get("/1") + get("/2"));
    link.respond(SERVER, CURL, ok("", "201 Created")).respond(SERVER, CURL, ok("", "202 Accepted"));
    const statuses = host
      .end()
      .map((span) => [
        attribute(span, "url.path", "url.full")?.slice(-1),
        attribute(span, "http.response.status_code"),
      ]);
    assert.deepEqual(statuses, [
      ["1", "201"],
      ["1", "201"],
      ["2", "202"],
      ["2", "202"],
    ]);
  });

  it("does not make spans of OTLP exports, unless told to", () => {
    const post =
      "POST /v1/traces HTTP/1.1\r\nHost: c\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
    for (const keepsOtlpExports of [false, true]) {
      const host = new Host({ keepsOtlpExports });
      host.connect({ serverPort: 4318 }).request(CURL, SERVER, post).respond(SERVER, CURL, ok("{}"));
      assert.equal(host.end().length, keepsOtlpExports ? 2 : 0);
      assert.equal(host.engine.accounts[2]?.consumed.get("otlp_export"), keepsOtlpExports ? undefined : 2);
    }
  });

  it("leaves alone what is excluded", () => {
    const host = new Host({ isExcluded: ({ tgid }) => tgid === CURL.tgid });
    host.connect().request(CURL, SERVER, get("/a")).respond(SERVER, CURL, ok());
    assert.deepEqual(
      host.end().map(({ kind }) => kind),
      [SpanKind.server],
    );
  });

  it("waits a second for the facts of a process, then says what it knows", () => {
    let known = false;
    const resource = { attributes: [] };
    const host = new Host({ resourceOf: (tgid) => (known && tgid === SERVER.tgid ? resource : undefined) });
    host.connect().request(CURL, SERVER, get("/a")).respond(SERVER, CURL, ok());
    host.pass(500);
    assert.equal(host.spans.length, 0);
    known = true;
    host.pass(100);
    assert.deepEqual(
      host.spans.map((span) => span.resource),
      [resource],
    );
    host.pass(600);
    assert.equal(attributeOfResource(host, 1), "fallback-curl-10");
    host.end();
  });

  it("makes one CLIENT span of an exchange in a capture", () => {
    const host = new Host({ observer: "capture" });
    host.connect({ only: "server" }).request(CURL, SERVER, get("/a")).respond(SERVER, CURL, ok());
    assert.deepEqual(
      host.end().map(({ kind }) => kind),
      [SpanKind.client],
    );
  });

  it("balances every account at every moment, whatever comes", () => {
    const doer = fc.record({ tgid: fc.constantFrom(10, 20), coroutineId: fc.nat(2) });
    const text = fc.constantFrom(get("/a"), get("/b"), ok("x"), "junk", "HTTP/1.1 200 OK\r\n\r\n", "GET /", "");
    const step = fc.record({
      link: fc.nat(2),
      by: doer,
      what: fc.constantFrom("send", "serverReads", "answer", "clientReads", "close", "pass", "exit"),
      text,
      captured: fc.option(fc.nat(40), { nil: undefined }),
      flags: fc.constantFrom(0, 0, 0, EventFlags.faulted, EventFlags.conflict, EventFlags.noBytes),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const host = new Host({ settleNs: 1_000_000 });
        const links = [host.connect(), host.connect({ isRoleUnknown: true }), host.connect({ clientOffset: 99 })];
        for (const { link, by, what, text, captured, flags } of steps) {
          const call = { flags, ...(captured === undefined ? {} : { captured }) };
          if (what === "close") links[link]!.close();
          else if (what === "pass") host.pass(10);
          else if (what === "exit") host.exit(by.tgid);
          else links[link]![what as "send"](by, text, call);
          for (const account of host.engine.accounts) assert.ok(account.held >= 0, account.stage);
        }
        host.end();
      }),
      { numRuns: 200 },
    );
  });

  it("trusts trace context from private networks only", () => {
    const traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    for (const [clientAddress, isTrusted] of [
      ["10.1.2.3", true],
      ["203.0.113.5", false],
    ] as const) {
      const host = new Host();
      host
        .connect({ only: "server", clientAddress })
        .request(CURL, SERVER, get("/a", traceparent))
        .respond(SERVER, CURL, ok());
      const [span] = host.end();
      assert.equal(span?.parentSpanId, isTrusted ? "b7ad6b7169203331" : undefined);
      assert.equal(span?.traceId === "0af7651916cd43dd8448eb211c80319c", isTrusted);
      assert.deepEqual(
        span?.links.map(({ spanId }) => spanId),
        isTrusted ? [] : ["b7ad6b7169203331"],
      );
    }
  });
});

function attributeOfResource(host: Host, index: number): unknown {
  return host.spans[index]?.resource.attributes[0]?.[1];
}
