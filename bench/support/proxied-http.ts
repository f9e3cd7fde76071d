/**
 * The records of a client, a proxy and a server on one host: each request is four spans of eight events. Several requests
 * are under way at a time, and the proxy reads and sends them one by one, as an event loop does.
 */
import { Direction, SocketRole } from "../../src/bpf/layout.gen.ts";
import { type DataOptions, dataEvent, tuple } from "../../test/support/events.ts";
import { moveRecord, spanOfRecord, writeRecord } from "./record-writer.ts";

const REQUEST = Buffer.from(
  "GET /items/4711/details?color=red&size=4 HTTP/1.1\r\nHost: shop.example.internal:8080\r\n" +
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: application/json\r\nAccept-Encoding: gzip, deflate, br\r\n" +
    "Connection: keep-alive\r\nX-Tenant: 42\r\n\r\n",
);
const RESPONSE = Buffer.from(
  "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 16:00:00 GMT\r\nContent-Type: application/json\r\n" +
    'Content-Length: 27\r\nConnection: keep-alive\r\n\r\n{"id":4711,"color":"green"}',
);
const EVENT_NS = 2_000;
const AT_ONCE = 8;
const BATCH_SIZE_BYTES = 256 * 1024;

export const TGIDS = { client: 11, proxy: 12, server: 13 } as const;
export const EVENTS_PER_REQUEST = 8;
export const SPANS_PER_REQUEST = 4;

export interface Batch {
  readonly view: DataView;
  readonly lengthBytes: number;
}

interface Place {
  readonly view: DataView;
  readonly start: number;
  /** Of the bytes that this socket's direction has moved, per round, and before this record in its round. */
  readonly perRound: number;
  readonly before: number;
}

/** One round of traffic, which can be played over and over. */
export class ProxiedHttp {
  readonly batches: Batch[] = [];
  readonly #places: Place[] = [];
  #round = 0;
  #nowNs = 1_000_000_000;

  constructor(connections: number, requestsPerConnection: number) {
    const ends = Array.from({ length: connections }, (_, index) => endsOf(index));
    let view = new DataView(new ArrayBuffer(BATCH_SIZE_BYTES));
    let at = 0;
    for (let request = 0; request < requestsPerConnection; request++) {
      for (let first = 0; first < connections; first += AT_ONCE) {
        for (const options of oneTurn(ends.slice(first, first + AT_ONCE))) {
          const bytes = options.length === REQUEST.length ? REQUEST : RESPONSE;
          const event = dataEvent(options);
          if (at + spanOfRecord(event) > BATCH_SIZE_BYTES) {
            this.batches.push({ view, lengthBytes: at });
            view = new DataView(new ArrayBuffer(BATCH_SIZE_BYTES));
            at = 0;
          }
          const start = writeRecord(view, at, event, bytes);
          const before = request * options.length;
          this.#places.push({ view, start, perRound: requestsPerConnection * options.length, before });
          at += spanOfRecord(event);
        }
      }
    }
    this.batches.push({ view, lengthBytes: at });
  }

  get eventCount(): number {
    return this.#places.length;
  }

  get nowNs(): number {
    return this.#nowNs;
  }

  /** Makes the batches those of the next round. */
  next(): void {
    for (const { view, start, perRound, before } of this.#places) {
      this.#nowNs += EVENT_NS;
      moveRecord(view, start, this.#nowNs, this.#round * perRound + before);
    }
    this.#round++;
  }
}

type Call = (direction: Direction, length: number) => DataOptions;

interface Ends {
  readonly client: Call;
  readonly proxyIn: Call;
  readonly proxyOut: Call;
  readonly server: Call;
}

function oneTurn(ends: readonly Ends[]): DataOptions[] {
  const { egress, ingress } = Direction;
  const [ask, answer] = [REQUEST.length, RESPONSE.length];
  return [
    ...ends.map(({ client }) => client(egress, ask)),
    ...ends.flatMap(({ proxyIn, proxyOut }) => [proxyIn(ingress, ask), proxyOut(egress, ask)]),
    ...ends.flatMap(({ server }) => [server(ingress, ask), server(egress, answer)]),
    ...ends.flatMap(({ proxyIn, proxyOut }) => [proxyOut(ingress, answer), proxyIn(egress, answer)]),
    ...ends.map(({ client }) => client(ingress, answer)),
  ];
}

function endsOf(index: number): Ends {
  const [near, far] = [40_000 + index, 50_000 + index];
  const sequence = (salt: number): number => (1_000_003 * (index + 1) * salt) % 0x1_0000_0000;
  const call =
    (
      tgid: number,
      comm: string,
      role: SocketRole,
      cookie: number,
      ports: readonly [number, number],
      salt: number,
    ): Call =>
    (direction, length) => ({
      by: { tgid, pid: tgid, comm },
      direction,
      role,
      cookie: index * 4 + cookie,
      tuple: tuple("127.0.0.1", ports[0], "127.0.0.1", ports[1]),
      localFirstSequence: sequence(role === SocketRole.client ? salt : salt + 1),
      remoteFirstSequence: sequence(role === SocketRole.client ? salt + 1 : salt),
      offset: 0,
      length,
      captured: length,
      timestampNs: 0,
    });
  return {
    client: call(TGIDS.client, "client", SocketRole.client, 1, [near, 8080], 3),
    proxyIn: call(TGIDS.proxy, "proxy", SocketRole.server, 2, [8080, near], 3),
    proxyOut: call(TGIDS.proxy, "proxy", SocketRole.client, 3, [far, 8081], 7),
    server: call(TGIDS.server, "server", SocketRole.server, 4, [8081, far], 7),
  };
}
