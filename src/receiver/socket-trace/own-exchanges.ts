/**
 * Our own export connections. Our end is never traced (the kernel leaves our processes out); the other end may be a
 * Collector on this host, and a span of its receiving our spans would make the next span, and so on.
 * Known by four-tuple at first, then by the pair of first sequence numbers, which holds through NAT.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { SocketStateEvent, SocketTuple } from "../../bpf/layout.gen.ts";

const LIMIT = 1024;
const CHANNEL = "net.client.socket";

interface OwnConnection {
  readonly localPort: number;
  readonly remotePort: number;
}

/** What both kinds of socket event have. */
export interface SocketIdentity {
  readonly tuple: SocketTuple;
  readonly localFirstSequence: number;
  readonly remoteFirstSequence: number;
}

export class OwnExchanges {
  /** By our local port, which is the remote port of the other end. */
  readonly #connections = new Map<number, OwnConnection>();
  /** First sequence of the other end to that of ours. */
  readonly #sequences = new Map<number, number>();
  readonly #watch = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    socket.once("connect", () => {
      if (socket.localPort !== undefined && socket.remotePort !== undefined) {
        this.register(socket.localPort, socket.remotePort);
      }
    });
  };

  /** Every connection that this process opens from now on is ours. */
  start(): void {
    subscribe(CHANNEL, this.#watch);
  }

  stop(): void {
    unsubscribe(CHANNEL, this.#watch);
  }

  register(localPort: number, remotePort: number): void {
    if (this.#connections.size >= LIMIT) deleteFirst(this.#connections);
    this.#connections.set(localPort, { localPort, remotePort });
  }

  /** State changes are reported for all sockets, ours too: this is where our sequence numbers come from. */
  observe(event: SocketStateEvent): void {
    const { tuple, localFirstSequence, remoteFirstSequence } = event;
    if (this.#connections.get(tuple.localPort)?.remotePort !== tuple.remotePort) return;
    if (localFirstSequence === 0 || remoteFirstSequence === 0) return;
    if (this.#sequences.size >= LIMIT) deleteFirst(this.#sequences);
    this.#sequences.set(remoteFirstSequence, localFirstSequence);
  }

  /** Is this socket the other end of one of ours? */
  isOtherEnd(socket: SocketIdentity): boolean {
    if (this.#sequences.get(socket.localFirstSequence) === socket.remoteFirstSequence) return true;
    return this.#connections.get(socket.tuple.remotePort)?.remotePort === socket.tuple.localPort;
  }
}

function deleteFirst<K>(map: Map<K, unknown>): void {
  const first = map.keys().next();
  if (first.done === false) map.delete(first.value);
}
