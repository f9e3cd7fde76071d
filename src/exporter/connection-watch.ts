import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/** One TCP connection that this process has opened. */
export interface ExportConnection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/**
 * Tells of every TCP connection that this process opens, before a byte is sent on it. The worker opens connections
 * only to export, so neither end of them is to be traced. Node publishes each socket of net.connect on a diagnostics
 * channel; gRPC's channels use it, and so do our own senders, for TLS too (an open TCP socket below the TLS socket).
 */
export function watchConnections(onConnection: (connection: ExportConnection) => void): Disposable {
  const onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    socket.once("connect", () => {
      const { localAddress, localPort, remoteAddress, remotePort } = socket;
      // A socket of the Unix domain has none of these.
      if (localAddress === undefined || localPort === undefined) return;
      if (remoteAddress === undefined || remotePort === undefined) return;
      onConnection({ localAddress, localPort, remoteAddress, remotePort });
    });
  };
  subscribe(channelName, onSocket);
  return { [Symbol.dispose]: () => void unsubscribe(channelName, onSocket) };
}

const channelName = "net.client.socket";
