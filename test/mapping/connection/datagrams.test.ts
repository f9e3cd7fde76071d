import assert from "node:assert/strict";
import { Direction, SocketRole, type SocketTuple } from "../../../src/bpf/layout.gen.ts";
import { SpanKind } from "../../../src/mapping/span.ts";
import { IPPROTO_UDP, tuple } from "../../support/events.ts";
import { attribute, Host } from "../../support/host.ts";

const SERVER = { tgid: 20, comm: "dnsmasq" };
const SERVER_PORT = 5353 + 10_000;
const SERVER_COOKIE = 1000;

/** A question for the A record of `name`, or the answer that there is none. */
function dns(id: number, name: string, isAnswer = false): Uint8Array {
  const header = Buffer.from([
    id >> 8,
    id & 255,
    isAnswer ? 0x81 : 0x01,
    isAnswer ? 0x83 : 0x00,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/** Hook set a does not see who sent a datagram to a socket that is not connected. */
function anonymous(known: SocketTuple): SocketTuple {
  return { ...known, remoteAddress: tuple("0.0.0.0", 0, "0.0.0.0", 0).remoteAddress, remotePort: 0 };
}

class Resolver {
  readonly host = new Host();

  emit(by: { tgid: number; comm: string }, cookie: number, direction: Direction, ends: SocketTuple, bytes: Uint8Array) {
    const numbers = { localFirstSequence: 0, remoteFirstSequence: 0, offset: 0 };
    this.host.emit(
      { by, direction, role: SocketRole.unknown, cookie, tuple: ends, protocol: IPPROTO_UDP, ...numbers },
      bytes,
      {},
    );
  }

  asks(port: number, question: Uint8Array): void {
    this.emit(clientOf(port), port, Direction.egress, tuple("127.0.0.1", port, "127.0.0.1", SERVER_PORT), question);
  }

  serverReads(port: number, question: Uint8Array): void {
    this.emit(SERVER, SERVER_COOKIE, Direction.ingress, anonymous(serverTuple(port)), question);
  }

  serverAnswers(port: number, answer: Uint8Array): void {
    this.emit(SERVER, SERVER_COOKIE, Direction.egress, serverTuple(port), answer);
  }

  hears(port: number, answer: Uint8Array): void {
    const ends = tuple("127.0.0.1", port, "127.0.0.1", SERVER_PORT);
    this.emit(clientOf(port), port, Direction.ingress, anonymous(ends), answer);
  }
}

const clientOf = (port: number) => ({ tgid: port, comm: "dig" });
const serverTuple = (port: number) => tuple("127.0.0.1", SERVER_PORT, "127.0.0.1", port);

/** Pairs of client and server by the question's name. */
function expectJoined(host: Host, names: ReadonlyMap<string, number>): void {
  const spans = host.end();
  assert.equal(spans.length, names.size * 2);
  for (const [name, port] of names) {
    const ofName = spans.filter((span) => attribute(span, "dns.question.name") === name);
    const client = ofName.find(({ kind }) => kind === SpanKind.client);
    const server = ofName.find(({ kind }) => kind === SpanKind.server);
    assert.equal(server?.parentSpanId, client?.spanId, name);
    assert.equal(attribute(server!, "network.peer.port"), `${port}`);
    for (const span of ofName) assert.equal(attribute(span, "dns.response.code"), "NXDOMAIN");
  }
}

describe("datagrams whose sender is not told", () => {
  it("find their exchange by the answer, also when two clients use the same id", () => {
    const resolver = new Resolver();
    const questions = new Map([
      ["one.test", 40_001],
      ["two.test", 40_002],
    ]);
    for (const [name, port] of questions) resolver.asks(port, dns(7, name));
    for (const [name, port] of questions) resolver.serverReads(port, dns(7, name));
    for (const [name, port] of questions) {
      resolver.serverAnswers(port, dns(7, name, true));
      resolver.hears(port, dns(7, name, true));
    }
    expectJoined(resolver.host, questions);
  });

  it("are joined when the client's send is told behind the server's answer", () => {
    const resolver = new Resolver();
    resolver.serverReads(40_001, dns(9, "late.test"));
    resolver.serverAnswers(40_001, dns(9, "late.test", true));
    resolver.asks(40_001, dns(9, "late.test"));
    resolver.hears(40_001, dns(9, "late.test", true));
    expectJoined(resolver.host, new Map([["late.test", 40_001]]));
  });

  it("leave as a root when no client is on this host", () => {
    const resolver = new Resolver();
    resolver.serverReads(40_001, dns(9, "far.test"));
    resolver.serverAnswers(40_001, dns(9, "far.test", true));
    resolver.host.pass(60);
    assert.equal(resolver.host.spans.length, 1);
    assert.equal(resolver.host.spans[0]?.parentSpanId, undefined);
  });

  it("say nothing of a sender that nobody knows", () => {
    const resolver = new Resolver();
    resolver.serverReads(40_001, dns(9, "ignored.test"));
    const [span] = resolver.host.end();
    assert.equal(attribute(span!, "dns.question.name"), "ignored.test");
    for (const key of ["client.address", "network.peer.address", "network.peer.port"]) {
      assert.equal(attribute(span!, key), undefined, key);
    }
    assert.equal(attribute(span!, "network.type"), "ipv4");
    assert.equal(attribute(span!, "server.port"), `${SERVER_PORT}`);
  });

  it("make no span where they are mDNS", () => {
    const resolver = new Resolver();
    const ends = anonymous(tuple("224.0.0.251", 5353, "10.0.0.1", 5353));
    resolver.emit(SERVER, SERVER_COOKIE, Direction.ingress, ends, dns(0, "printer.local"));
    assert.deepEqual(resolver.host.end(), []);
  });
});
