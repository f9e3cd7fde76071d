/** A host with processes and connections that exist only in a test: what they do becomes events of one engine. */
import { Direction, EventFlags, type IoEvent, SocketRole, type SocketTuple } from "../../src/bpf/layout.gen.ts";
import { TraceEngine } from "../../src/mapping/engine.ts";
import { type EngineOptions, TcpState } from "../../src/mapping/engine-options.ts";
import type { Resource, Span } from "../../src/mapping/span.ts";
import {
  AF_UNIX,
  type DataOptions,
  type Doer,
  dataEvent,
  exitEvent,
  IPPROTO_UDP,
  ioEvent,
  stateEvent,
  tuple,
} from "./events.ts";

export interface LinkOptions {
  /** Only this end is on the host. */
  readonly only?: "client" | "server";
  readonly clientAddress?: string;
  readonly serverAddress?: string;
  readonly serverPort?: number;
  /** The server sees the client under another address: NAT between them. */
  readonly clientSeenAs?: string;
  readonly protocol?: number;
  /** Bytes that were moved before the engine looked. */
  readonly clientOffset?: number;
  readonly serverOffset?: number;
  /** The kernel does not know who connected. */
  readonly isRoleUnknown?: boolean;
  /** An AF_UNIX stream: what its server is bound to. */
  readonly socketName?: string;
  readonly sequences?: readonly [client: number, server: number];
  /** The server's end knows other numbers than the client's. */
  readonly serverSequences?: readonly [local: number, remote: number];
}

export interface CallOptions {
  readonly captured?: number;
  readonly flags?: number;
}

export class Host {
  readonly spans: Span[] = [];
  readonly batches: number[] = [];
  readonly engine: TraceEngine;
  readonly resources = new Map<number, Resource>();
  nowNs = 1_000_000_000;
  #nextCookie = 1;
  #nextPort = 40_000;

  constructor(options: Partial<EngineOptions> = {}) {
    this.engine = new TraceEngine(
      {
        clockOffsetNs: () => 1_700_000_000_000_000_000n,
        resourceOf: (tgid) => this.resourceOf(tgid),
        fallbackResource: (tgid, comm) => ({ attributes: [["service.name", `fallback-${comm}-${tgid}`]] }),
        describe: { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] },
        settleNs: 5_000_000_000,
        ...options,
      },
      {
        spans: (spans) => {
          this.batches.push(spans.length);
          this.spans.push(...spans);
        },
        verdict: () => {},
      },
    );
  }

  resourceOf(tgid: number): Resource | undefined {
    let resource = this.resources.get(tgid);
    if (resource === undefined) {
      resource = { attributes: [["service.name", `service-${tgid}`]] };
      this.resources.set(tgid, resource);
    }
    return resource;
  }

  connect(options: LinkOptions = {}): Link {
    const cookies = [this.#nextCookie++, this.#nextCookie++] as const;
    return new Link(this, cookies, this.#nextPort++, options);
  }

  emit(options: Omit<DataOptions, "timestampNs" | "length" | "captured">, bytes: Uint8Array, call: CallOptions): void {
    this.nowNs += 10_000;
    const captured = Uint8Array.from(bytes.subarray(0, call.captured ?? bytes.length));
    const flags = call.flags ?? (captured.length < bytes.length ? EventFlags.truncated : 0);
    this.engine.socketData(
      dataEvent({ ...options, flags, timestampNs: this.nowNs, length: bytes.length, captured: captured.length }),
      captured,
    );
    captured.fill(0xff);
  }

  /** A read or write of a file that took so long and is over now. */
  io(by: Doer, path: string, tookMs: number, event: Partial<IoEvent> = {}): void {
    const startNs = this.nowNs + 1000;
    this.nowNs = startNs + tookMs * 1e6;
    const io = ioEvent({ by, path, startNs, endNs: this.nowNs, event });
    this.engine.io(io.event, io.names);
    io.names.fill(0xff);
  }

  /** Time goes by. */
  pass(milliseconds: number): void {
    this.nowNs += milliseconds * 1e6;
    this.engine.advance(this.nowNs);
  }

  exit(tgid: number): void {
    this.engine.process(exitEvent(tgid, this.nowNs));
  }

  /** All there is, and the balance of every account. */
  end(): Span[] {
    this.engine.flush();
    for (const account of this.engine.accounts) {
      if (account.held !== 0) throw new Error(`${account.stage} holds ${account.held} ${account.unit}`);
    }
    return this.spans;
  }

  spanOf(tgid: number, name = ""): Span {
    const found = this.spans.filter(
      (span) => span.resource === this.resources.get(tgid) && attribute(span, "url.path", "url.full")?.includes(name),
    );
    if (found.length !== 1) throw new Error(`${found.length} spans of ${tgid} with ${name}`);
    return found[0]!;
  }
}

export function attribute(span: Span, ...keys: string[]): string | undefined {
  for (const key of keys) {
    const pair = span.attributes.find(([name]) => name === key);
    if (pair !== undefined) return String(pair[1]);
  }
  return undefined;
}

/** Both ends of a connection, and what the kernel would report of each. */
export class Link {
  readonly #host: Host;
  readonly #options: LinkOptions;
  readonly #cookies: readonly [client: number, server: number];
  readonly #tuples: readonly [client: SocketTuple, server: SocketTuple];
  readonly #sequences: readonly [client: number, server: number];
  /** Bytes that the client has sent, and the server. */
  #clientOffset: number;
  #serverOffset: number;

  constructor(host: Host, cookies: readonly [number, number], port: number, options: LinkOptions) {
    this.#host = host;
    this.#options = options;
    this.#cookies = cookies;
    const client = options.clientAddress ?? "127.0.0.1";
    const server = options.serverAddress ?? "127.0.0.1";
    const serverPort = options.serverPort ?? 8080;
    if (options.socketName !== undefined) {
      for (const cookie of cookies) this.#unixState(cookie, TcpState.established, options.socketName);
      this.#tuples = [tuple("0.0.0.0", 0, "0.0.0.0", 0), tuple("0.0.0.0", 0, "0.0.0.0", 0)];
    } else {
      this.#tuples = [
        tuple(client, port, server, serverPort),
        tuple(server, serverPort, options.clientSeenAs ?? client, port),
      ];
    }
    this.#sequences = options.sequences ?? [cookies[0] * 7919 + 1_000_000_007, cookies[1] * 104_729 + 2_000_000_011];
    this.#clientOffset = options.clientOffset ?? 0;
    this.#serverOffset = options.serverOffset ?? 0;
  }

  /** `sender` writes, and the other end reads the same in one call. */
  request(by: Doer, readBy: Doer, text: string | Uint8Array, call: CallOptions = {}): this {
    return this.send(by, text, call).serverReads(readBy, text, call);
  }

  respond(by: Doer, readBy: Doer, text: string | Uint8Array, call: CallOptions = {}): this {
    return this.answer(by, text, call).clientReads(readBy, text, call);
  }

  #sent = 0;
  #answered = 0;
  #serverRead = 0;
  #clientRead = 0;

  /** The client writes. */
  send(by: Doer, text: string | Uint8Array, call: CallOptions = {}): this {
    const bytes = bytesOf(text);
    this.#emit(0, Direction.egress, by, this.#clientOffset + this.#sent, bytes, call);
    this.#sent += bytes.length;
    return this;
  }

  serverReads(by: Doer, text: string | Uint8Array, call: CallOptions = {}): this {
    const bytes = bytesOf(text);
    this.#emit(1, Direction.ingress, by, this.#clientOffset + this.#serverRead, bytes, call);
    this.#serverRead += bytes.length;
    return this;
  }

  /** The server has read so much, and nobody was told. */
  misses(bytes: number): this {
    this.#serverRead += bytes;
    return this;
  }

  /** The server writes. */
  answer(by: Doer, text: string | Uint8Array, call: CallOptions = {}): this {
    const bytes = bytesOf(text);
    this.#emit(1, Direction.egress, by, this.#serverOffset + this.#answered, bytes, call);
    this.#answered += bytes.length;
    return this;
  }

  /** The same, and the event of it is lost. */
  answerLost(text: string | Uint8Array): this {
    this.#answered += bytesOf(text).length;
    return this;
  }

  clientReads(by: Doer, text: string | Uint8Array, call: CallOptions = {}): this {
    const bytes = bytesOf(text);
    this.#emit(0, Direction.ingress, by, this.#serverOffset + this.#clientRead, bytes, call);
    this.#clientRead += bytes.length;
    return this;
  }

  /** The client calls connect(2). */
  connecting(by: Doer): this {
    this.#host.nowNs += 10_000;
    const event = stateEvent(this.#cookies[0], SocketRole.client, TcpState.synSent, this.#host.nowNs, by);
    this.#host.engine.socketState(event);
    return this;
  }

  opened(): this {
    for (const cookie of this.#cookies) {
      this.#host.engine.socketState(stateEvent(cookie, SocketRole.unknown, TcpState.established, this.#host.nowNs));
    }
    return this;
  }

  /** The server calls close(2), and its client has not noticed yet. */
  serverCloses(): this {
    const event = stateEvent(this.#cookies[1], SocketRole.server, TcpState.finWait1, this.#host.nowNs);
    this.#host.engine.socketState(event);
    return this;
  }

  /** A read of an AF_UNIX stream finds that the other end writes no more, or is closed. */
  readsEnd(end: "client" | "server", isClosed = true): this {
    const cookie = this.#cookies[end === "client" ? 0 : 1];
    this.#unixState(cookie, isClosed ? TcpState.close : TcpState.closeWait, "");
    return this;
  }

  #unixState(cookie: number, newState: number, name: string): void {
    const role = cookie === this.#cookies[0] ? SocketRole.client : SocketRole.server;
    const event = { ...stateEvent(cookie, role, newState, this.#host.nowNs), addressFamily: AF_UNIX };
    const bytes = Uint8Array.from(Buffer.from(name, "latin1"));
    this.#host.engine.socketState({ ...event, nameLength: bytes.length }, bytes);
    bytes.fill(0xff);
  }

  close(): this {
    for (const cookie of this.#cookies) {
      this.#host.engine.socketState(stateEvent(cookie, SocketRole.unknown, TcpState.close, this.#host.nowNs));
    }
    return this;
  }

  #emit(end: 0 | 1, direction: Direction, by: Doer, offset: number, bytes: Uint8Array, call: CallOptions): void {
    if (this.#options.only === (end === 0 ? "server" : "client")) return;
    const role = this.#options.isRoleUnknown ? SocketRole.unknown : end === 0 ? SocketRole.client : SocketRole.server;
    const isUdp = this.#options.protocol === IPPROTO_UDP;
    const [client, server] = this.#sequences;
    const [local, remote] = end === 0 ? [client, server] : (this.#options.serverSequences ?? [server, client]);
    this.#host.emit(
      {
        by,
        direction,
        role,
        cookie: this.#cookies[end],
        tuple: this.#tuples[end],
        localFirstSequence: isUdp ? 0 : local,
        remoteFirstSequence: isUdp ? 0 : remote,
        offset: isUdp ? 0 : offset,
        ...(this.#options.socketName === undefined ? {} : { family: AF_UNIX }),
        ...(this.#options.protocol === undefined ? {} : { protocol: this.#options.protocol }),
      },
      bytes,
      call,
    );
  }
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? Buffer.from(text, "latin1") : text;
}

/** A request without a body. */
export function get(path: string, headers = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: host.example\r\n${headers}\r\n`;
}

export function ok(body = "", status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}
