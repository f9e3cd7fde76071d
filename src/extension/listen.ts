/** One rule for every listener of ours: a default port that is taken moves on, a configured one is fatal. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { formatListenAddress, type ListenAddress } from "../config-value.ts";
import { ListenError } from "./error.ts";

/** How far a default listener looks for a free port. */
const MAX_MOVES = 20;

interface ListenOptions {
  /** For the error: `extension zpages`. */
  readonly who: string;
  readonly address: ListenAddress;
  /** Nobody configured the address. */
  readonly isDefault: boolean;
  readonly onRequest: RequestListener;
}

export class HttpListener {
  readonly #server: Server;
  readonly address: ListenAddress;
  /** The default port was taken. */
  readonly isMoved: boolean;

  private constructor(server: Server, address: ListenAddress, isMoved: boolean) {
    this.#server = server;
    this.address = address;
    this.isMoved = isMoved;
  }

  /** @throws ListenError */
  static async open({ who, address, isDefault, onRequest }: ListenOptions): Promise<HttpListener> {
    // Slow or silent clients are cut off by Node's own limits; these pages are small.
    const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000, maxHeaderSize: 16 * 1024 }, onRequest);
    for (let move = 0; ; move++) {
      const port = address.port + move;
      try {
        const actual = await listen(server, address.host, port);
        return new HttpListener(server, { host: address.host, port: actual }, move > 0);
      } catch (error) {
        const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
        if (isTaken && isDefault && move < MAX_MOVES) continue;
        throw new ListenError(who, formatListenAddress({ host: address.host, port }), error);
      }
    }
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
