/** A UDP flow between a local socket and one remote address: every datagram is one message, or none that we know. */
import { Direction, SocketRole } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import { hash32 } from "../ids.ts";
import { type MessageSink, Sender } from "../protocols/protocol.ts";
import type { AnyMessage, AnyProtocol } from "../protocols/registry.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import { recognize, UNKNOWN } from "./recognition.ts";

const EMPTY = new Uint8Array(0);
/** So many datagrams of no known protocol in a row, and the flow is given up. */
const MAX_UNKNOWN = 16;

export class Datagrams {
  readonly #options: ConnectionOptions;
  readonly #localPort: number;
  readonly #remotePort: number;
  role: SocketRole;
  protocol: AnyProtocol | undefined;
  #state: unknown;
  #unknownCount = 0;
  #isClosed = false;
  #last: EventMeta | undefined;
  readonly #sink = new DatagramSink();

  constructor(role: SocketRole, localPort: number, remotePort: number, options: ConnectionOptions) {
    this.role = role;
    this.#localPort = localPort;
    this.#remotePort = remotePort;
    this.#options = options;
  }

  get isOpaque(): boolean {
    return this.#unknownCount > MAX_UNKNOWN;
  }

  readonly deadlineNs = Number.POSITIVE_INFINITY;

  opened(): void {}

  /** Each datagram tells by itself. */
  adopt(): void {}

  advance(_nowNs: number): void {}

  /** @param bytes only valid during the call */
  push(direction: number, _offset: number, length: number, bytes: Uint8Array, meta: EventMeta, _flags: number): void {
    const account = this.#options.account;
    account.addIn(length);
    this.#last = meta;
    if (this.isOpaque) {
      account.addConsumed("unknown_protocol", length);
      return;
    }
    if (this.protocol === undefined && !this.#recognize(direction, bytes)) {
      this.#unknownCount++;
      if (this.isOpaque) this.#options.verdict({ mode: "drop" });
      account.addConsumed("unknown_protocol", length);
      return;
    }
    const sender =
      (direction === Direction.egress) === (this.role === SocketRole.client) ? Sender.client : Sender.server;
    const protocol = this.protocol!;
    const sink = this.#sink;
    sink.found = undefined;
    const count = protocol.parse(bytes, sender, this.#state, sink);
    if (count <= 0) {
      account.addLost(bytes.length < length ? "not_captured" : "invalid", length);
      return;
    }
    account.addOut(length);
    if (sink.found === undefined) return;
    const offset = hash32(bytes);
    this.#options.listener.begin(protocol, sink.found, sender, offset, meta);
    this.#options.listener.end(sink.found, sender, meta);
  }

  /** No connection that could be closed. */
  closedHere(): void {}

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.listener.close(this.#last);
  }

  #recognize(direction: number, bytes: Uint8Array): boolean {
    const isEgress = direction === Direction.egress;
    const egressSender =
      this.role === SocketRole.unknown ? undefined : this.role === SocketRole.client ? Sender.client : Sender.server;
    const start = { bytes, isStreamStart: true };
    const none = { bytes: EMPTY, isStreamStart: true };
    const claim = recognize(
      this.#options.protocols,
      isEgress ? start : none,
      isEgress ? none : start,
      egressSender,
      this.#serverPort,
      "udp",
    );
    if (claim === undefined || claim === UNKNOWN) return false;
    this.role = claim.firstSender === Sender.client ? SocketRole.client : SocketRole.server;
    this.protocol = claim.protocol;
    this.#state = claim.protocol.createState();
    return true;
  }

  get #serverPort(): number {
    if (this.role === SocketRole.client) return this.#remotePort;
    // 0: it is not known who sent it.
    const isLocal = this.role === SocketRole.server || this.#remotePort === 0;
    return isLocal ? this.#localPort : Math.min(this.#localPort, this.#remotePort);
  }
}

class DatagramSink implements MessageSink<AnyMessage> {
  found: AnyMessage | undefined;

  message(message: AnyMessage): void {
    this.found ??= message;
  }

  begin(message: AnyMessage): void {
    this.found ??= message;
  }

  end(_message: AnyMessage): void {}

  upgrade(_protocol: string): void {}
}
