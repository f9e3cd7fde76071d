/** Drives one connection by hand: calls in, exchanges and the account out. */
import { Direction, SocketRole } from "../../src/bpf/layout.gen.ts";
import { StageAccount } from "../../src/mapping/account.ts";
import { Connection } from "../../src/mapping/connection/connection.ts";
import { Datagrams } from "../../src/mapping/connection/datagrams.ts";
import type { Verdict } from "../../src/mapping/connection/verdict.ts";
import { type DescribeOptions, type Endpoint, Sender, type SpanFields } from "../../src/mapping/protocols/protocol.ts";
import { type AnyProtocol, PROTOCOLS } from "../../src/mapping/protocols/registry.ts";
import { type Exchange, SessionTracker } from "../../src/mapping/session.ts";
import { SpanKind } from "../../src/mapping/span.ts";
import { meta } from "./meta.ts";

const CLIENT: Endpoint = { address: "192.0.2.1", port: 40_000 };
const OPTIONS: DescribeOptions = { requestHeaders: [], responseHeaders: [], urlQueryParameters: [] };

export interface ConversationOptions {
  readonly protocols?: readonly AnyProtocol[];
  readonly role?: SocketRole;
  readonly serverPort?: number;
  readonly transport?: "tcp" | "udp";
  readonly bufferBytes?: number;
  readonly waitNs?: number;
  /** The connection was open before. */
  readonly isPickedUp?: boolean;
  readonly tellsUnknown?: boolean;
}

/** What is said of one finished exchange, seen by the server. */
export interface Outcome {
  readonly protocol: string;
  readonly request: unknown;
  readonly response: unknown;
  readonly incomplete: string | undefined;
  readonly fields: SpanFields | undefined;
}

export class Conversation {
  readonly bytes = new StageAccount("stream", "bytes");
  readonly messages = new StageAccount("session", "messages");
  readonly finished: Exchange<unknown>[] = [];
  readonly started: Exchange<unknown>[] = [];
  readonly verdicts: Verdict[] = [];
  readonly connection: Connection | Datagrams;
  readonly tracker: SessionTracker<unknown>;
  readonly #serverPort: number;
  readonly #transport: "tcp" | "udp";
  #offsets = { [Sender.client]: 0, [Sender.server]: 0 };
  order = 0;
  missingSeen = 0;
  /** Told when a request's beginning is known. */
  onStarted: (exchange: Exchange<unknown>) => void = () => {};

  /** The local end is the server, as the kernel or, where the role is unknown, the content says. */
  constructor(options: ConversationOptions = {}) {
    if (options.isPickedUp) this.#offsets = { [Sender.client]: 7777, [Sender.server]: 99_999 };
    this.#serverPort = options.serverPort ?? 50_000;
    this.#transport = options.transport ?? "tcp";
    let tracker: SessionTracker<unknown>;
    this.connection = new (options.transport === "udp" ? Datagrams : Connection)(
      options.role ?? SocketRole.server,
      this.#serverPort,
      CLIENT.port,
      {
        protocols: options.protocols ?? PROTOCOLS,
        streamLimits: {
          bufferBytes: options.bufferBytes ?? 262_144,
          maxPieces: 64,
          waitNs: options.waitNs ?? 50_000_000,
        },
        account: this.bytes,
        tellsUnknown: options.tellsUnknown ?? false,
        listener: {
          begin: (...args) => tracker.begin(...args),
          end: (...args) => tracker.end(...args),
          gap: (...args) => tracker.gap(...args),
          missing: () => {
            this.missingSeen++;
          },
          recognized: () => {},
          unsynced: (...args) => tracker.unsynced(...args),
          answersEnd: (...args) => tracker.answersEnd(...args),
          close: (...args) => tracker.close(...args),
        },
        verdict: (verdict) => this.verdicts.push(verdict),
      },
    );
    tracker = new SessionTracker(
      this.connection,
      {
        requestStarted: (exchange) => {
          this.started.push(exchange);
          this.onStarted(exchange);
        },
        responseStarted: () => {},
        requestEnded: () => {},
        responseWithoutRequest: () => {},
        finished: (exchange) => this.finished.push(exchange),
      },
      this.messages,
      { maxOpen: 1024, timeoutNs: 60e9 },
    );
    this.tracker = tracker;
  }

  /** One call of `sender`; `captured` bytes of it are seen. */
  say(sender: Sender, bytes: Uint8Array | string, captured?: number, flags = 0): this {
    const all = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    this.at(sender, this.#offsets[sender], all, captured, flags);
    this.#offsets[sender] += all.length;
    return this;
  }

  /** Bytes that are sent and of which no event tells. */
  lose(sender: Sender, length: number): this {
    this.#offsets[sender] += length;
    return this;
  }

  /** One call at an offset of one's choice. The bytes are a copy that is spoilt after the call, as a ring buffer's are. */
  at(sender: Sender, offset: number, bytes: Uint8Array | string, captured?: number, flags = 0): this {
    const all = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    const lent = Uint8Array.from(all.subarray(0, captured ?? all.length));
    const direction = sender === Sender.client ? Direction.ingress : Direction.egress;
    this.order++;
    this.connection.push(direction, offset, all.length, lent, meta(this.order), flags);
    lent.fill(0xff);
    return this;
  }

  close(): this {
    this.connection.close();
    return this;
  }

  get outcomes(): Outcome[] {
    return this.finished.map((exchange) => ({
      protocol: exchange.protocol.name,
      request: exchange.request,
      response: exchange.response,
      incomplete: exchange.incomplete,
      fields: exchange.protocol.describe(
        {
          request: exchange.request,
          response: exchange.response,
          incomplete: exchange.incomplete,
          isEndHidden: exchange.isEndHidden,
        },
        {
          kind: SpanKind.server,
          client: CLIENT,
          server: { address: "192.0.2.2", port: this.#serverPort },
          transport: this.#transport,
          isEncrypted: false,
          options: OPTIONS,
        },
      ),
    }));
  }
}
