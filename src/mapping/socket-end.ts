/** One socket as the engine keeps it: where it is, its other end if that is on this host, its connection and sessions. */
import { SocketRole, type SocketTuple } from "../bpf/layout.gen.ts";
import { formatAddress, LOOPBACK } from "./address.ts";
import type { Connection } from "./connection/connection.ts";
import type { Datagrams } from "./connection/datagrams.ts";
import type { Connecting } from "./join/evidence/connect.ts";
import { SentRequests } from "./join/evidence/exchange.ts";
import type { DescribeOptions, Endpoint, SpanView } from "./protocols/protocol.ts";
import type { SessionTracker } from "./session.ts";
import { type Attribute, SpanKind } from "./span.ts";

const IPPROTO_UDP = 17;
const UNNAMED: Endpoint = { address: "", port: 0 };

export class SocketEnd {
  readonly cookie: number;
  /** A stream, or datagrams. */
  readonly transport: "tcp" | "udp";
  /** Of the server's end of an AF_UNIX stream: a path, or `@` and an abstract name; undefined: another family. */
  readonly socketName: string | undefined;
  readonly tuple: SocketTuple;
  localFirstSequence: number;
  remoteFirstSequence: number;
  readonly isEncrypted: boolean;
  connection!: Connection | Datagrams;
  tracker!: SessionTracker<SocketEnd>;
  /** The other end, where it is on this host. */
  peer: SocketEnd | undefined;
  readonly sent = new SentRequests();
  requestCount = 0;
  /** Its connect(2), if that was seen. */
  connecting: Connecting | undefined;
  isExcluded = false;
  /** When the local end has begun to close it, monotonic; bytes may still be told later. */
  closedNs: number | undefined;
  lastNs = 0;
  comm = "";
  #local: Endpoint | undefined;
  #remote: Endpoint | undefined;
  #destination: string | undefined;
  readonly #views: (SpanView | undefined)[] = [undefined, undefined];
  readonly #attributes: (readonly Attribute[] | undefined)[] = [undefined, undefined, undefined, undefined];

  constructor(
    cookie: number,
    protocol: number,
    tuple: SocketTuple,
    localFirstSequence: number,
    remoteFirstSequence: number,
    isEncrypted: boolean,
    socketName?: string,
  ) {
    this.cookie = cookie;
    this.transport = protocol === IPPROTO_UDP ? "udp" : "tcp";
    // The decoder may lend its arrays.
    this.tuple = {
      ...tuple,
      localAddress: tuple.localAddress.slice(),
      remoteAddress: socketName === undefined ? tuple.remoteAddress.slice() : LOOPBACK,
    };
    this.socketName = socketName;
    this.localFirstSequence = localFirstSequence;
    this.remoteFirstSequence = remoteFirstSequence;
    this.isEncrypted = isEncrypted;
  }

  /** The local end has begun to close it. */
  get isClosing(): boolean {
    return this.closedNs !== undefined;
  }

  get local(): Endpoint {
    if (this.socketName !== undefined) return this.isClient ? UNNAMED : this.#named;
    this.#local ??= { address: formatAddress(this.tuple.localAddress), port: this.tuple.localPort };
    return this.#local;
  }

  get remote(): Endpoint {
    if (this.socketName !== undefined) return this.isClient ? this.#named : UNNAMED;
    this.#remote ??= { address: formatAddress(this.tuple.remoteAddress), port: this.tuple.remotePort };
    return this.#remote;
  }

  /**
   * The attributes that all spans of this side of it have.
   * @param peer the other end, as who is described sees it
   */
  networkAttributes(isServer: boolean, peer = this.remote): readonly Attribute[] {
    const index = (isServer ? 1 : 0) + (peer === this.remote ? 0 : 2);
    this.#attributes[index] ??=
      this.socketName === undefined ? this.#ipAttributes(isServer, peer) : this.#unixAttributes;
    return this.#attributes[index]!;
  }

  #ipAttributes(isServer: boolean, peer: Endpoint): readonly Attribute[] {
    const known = this.isAnonymous ? this.local : this.remote;
    const transport: Attribute[] = [
      ["network.transport", this.transport],
      ["network.type", known.address.includes(":") ? "ipv6" : "ipv4"],
    ];
    if (this.isAnonymous) return transport;
    return [
      ...(isServer ? [["client.address", (this.isClient ? this.local : this.remote).address] as const] : []),
      ["network.peer.address", peer.address],
      ["network.peer.port", peer.port],
      ...transport,
    ];
  }

  /** A client's end has no name. */
  get #unixAttributes(): readonly Attribute[] {
    const transport: Attribute = ["network.transport", "unix"];
    if (this.socketName === "") return [transport];
    return [[this.isClient ? "network.peer.address" : "network.local.address", this.#named.address], transport];
  }

  get #named(): Endpoint {
    this.#local ??= { address: this.socketName ?? "", port: 0 };
    return this.#local;
  }

  /** From which side its exchanges are described. The same object for all of them. */
  viewOf(kind: SpanView["kind"], options: DescribeOptions): SpanView {
    const isLocalClient = this.isClient;
    let view = this.#views[kind === SpanKind.server ? 1 : 0];
    if (view === undefined || (view.client === this.local) !== isLocalClient || view.options !== options) {
      view = {
        kind,
        client: isLocalClient ? this.local : this.remote,
        server: isLocalClient ? this.remote : this.local,
        transport: this.transport,
        isEncrypted: this.isEncrypted,
        options,
      };
      this.#views[kind === SpanKind.server ? 1 : 0] = view;
    }
    return view;
  }

  /** What calls over it have in common. */
  get destination(): string {
    this.#destination ??= this.socketName ?? `${this.remote.address} ${this.remote.port}`;
    return this.#destination;
  }

  /**
   * The request that had to wait for the connection, once it has been counted. Where the connection was there before
   * it was looked at, the first that is seen is one of many.
   */
  isFirstRequest(offset: number): boolean {
    return this.requestCount === 1 && (offset === 0 || this.connecting !== undefined);
  }

  /** The local end is the one that connected. */
  get isClient(): boolean {
    return this.connection.role === SocketRole.client;
  }

  /** Datagrams that were read without their sender's address. */
  get isAnonymous(): boolean {
    return this.transport === "udp" && this.tuple.remotePort === 0;
  }

  /** Both ends know both numbers; without them there is no identity that another host could know. */
  get hasIdentity(): boolean {
    return this.localFirstSequence !== 0 || this.remoteFirstSequence !== 0;
  }
}

/** A number that both ends compute alike, each with its own order of arguments; equal numbers need a second look. */
export function identityKey(localFirstSequence: number, remoteFirstSequence: number): number {
  return localFirstSequence * 0x200000 + (remoteFirstSequence & 0x1fffff);
}
