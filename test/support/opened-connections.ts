/** The TCP connections that this process opens, as the receiver learns which ones are its own. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

const CHANNEL = "net.client.socket";

export interface OpenedConnection {
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** Tells of each connection before a byte is sent on it, until it is disposed of. */
export function watchConnections(onConnection: (connection: OpenedConnection) => void): Disposable {
  const onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    socket.once("connect", () => {
      const { localPort, remoteAddress, remotePort } = socket;
      if (localPort === undefined || remoteAddress === undefined || remotePort === undefined) return;
      onConnection({ localPort, remoteAddress, remotePort });
    });
  };
  subscribe(CHANNEL, onSocket);
  return { [Symbol.dispose]: () => void unsubscribe(CHANNEL, onSocket) };
}
