import assert from "node:assert/strict";
import { TurnPhase, UnitKind } from "../../src/bpf/layout.gen.ts";
import { SpanKind } from "../../src/mapping/span.ts";
import type { Doer } from "../support/events.ts";
import { attribute, get, Host } from "../support/host.ts";

const CURL = { tgid: 10, comm: "curl" };
const SERVER = { tgid: 20, pid: 21, comm: "server" };

describe("ExchangeTracer", () => {
  it("joins both ends of messages that nobody answers, whoever sends them", () => {
    const host = new Host();
    const link = host.connect({ serverPort: 4222 });
    link.respond(SERVER, CURL, 'INFO {"server_id":"N","max_payload":1048576}\r\n');
    link.request(CURL, SERVER, 'CONNECT {"verbose":false}\r\nSUB shop.orders 1\r\n');
    const published = Array.from({ length: 20 }, (_, index) => `PUB shop.orders 2\r\n${10 + index}\r\n`).join("");
    link.request(CURL, SERVER, published);
    link.respond(SERVER, CURL, "MSG shop.orders 1 2\r\n10\r\n");
    host.pass(0);
    const spans = host.end();
    for (const [name, count] of [
      ["publish shop.orders", 20],
      ["deliver shop.orders", 1],
    ] as const) {
      const named = spans.filter((span) => span.name === name);
      const received = named.filter((span) => span.parentSpanId !== undefined);
      assert.equal(named.length, 2 * count, name);
      assert.equal(received.length, count, name);
      for (const span of received) {
        const sent = named.find((other) => other.spanId === span.parentSpanId);
        assert.equal(sent?.traceId, span.traceId);
        assert.equal(attribute(span, "sockspan.link.evidence"), "exchange");
        assert.equal(attribute(sent!, "peer.service"), undefined, "the peer is traced");
      }
    }
  });

  it("says of a message that a broker sends on who produced and who consumed it", () => {
    const host = new Host();
    const link = host.connect({ serverPort: 4222 });
    link.request(CURL, SERVER, 'CONNECT {"verbose":false}\r\nSUB shop.orders 1\r\nPUB shop.orders 2\r\n10\r\n');
    link.respond(SERVER, CURL, "MSG shop.orders 1 2\r\n10\r\n");
    host.pass(0);
    const told = host.end().map((span) => {
      const isSent = span.parentSpanId === undefined;
      return [span.name, isSent, span.kind, attribute(span, "messaging.operation.type")].join(" ");
    });
    assert.deepEqual(told.sort(), [
      `deliver shop.orders false ${SpanKind.consumer} receive`,
      `deliver shop.orders true ${SpanKind.producer} send`,
      `publish shop.orders false ${SpanKind.server} send`,
      `publish shop.orders true ${SpanKind.producer} send`,
    ]);
  });

  it("ends a trace in which each message is answered by another one", () => {
    const host = new Host();
    const link = host.connect().opened();
    link.request(CURL, SERVER, get("/chat", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    const headers = "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    link.respond(SERVER, CURL, `HTTP/1.1 101 Switching Protocols\r\n${headers}`);
    const asked = Uint8Array.from([0x81, 0x81, 0, 0, 0, 0, 0x61]);
    const told = Uint8Array.from([0x81, 0x01, 0x61]);
    let turn = 0;
    const inTurn = (by: Doer): Doer => ({ ...by, unitKind: UnitKind.nodeAsync, turnId: turn * 4 + TurnPhase.poll });
    for (let round = 0; round < 100; round++) {
      link.send(inTurn(CURL), asked);
      turn++;
      link.serverReads(inTurn(SERVER), asked).answer(inTurn(SERVER), told);
      turn++;
      link.clientReads(inTurn(CURL), told);
    }
    const spans = host.end().filter((span) => span.name === "websocket text");
    assert.equal(spans.length, 400);
    const sizes = new Map<string, number>();
    for (const { traceId } of spans) sizes.set(traceId, (sizes.get(traceId) ?? 0) + 1);
    assert.ok(Math.max(...sizes.values()) <= 68, [...sizes.values()].join(" "));
    assert.ok(sizes.size < 10, `${sizes.size} traces`);
    assert.equal(spans.filter((span) => span.links.length === 1).length, sizes.size - 1);
  });

  it("joins both ends of a connection's only message", () => {
    const host = new Host();
    const cancel = Uint8Array.from([0, 0, 0, 16, 4, 0xd2, 0x16, 0x2e, 0, 0, 0, 9, 1, 2, 3, 4]);
    host.connect({ serverPort: 5432 }).opened().request(CURL, SERVER, cancel).close();
    const [sent, received] = host.end().sort((a, b) => b.kind - a.kind);
    assert.equal(sent?.name, "CANCEL");
    assert.equal(received?.parentSpanId, sent?.spanId);
    assert.equal(attribute(sent!, "peer.service"), undefined, "the peer is traced");
  });
});
