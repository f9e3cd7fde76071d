/** The way to an ingester: one TCP connection, opened when there is something to send and again after it broke; or UDP. */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { connect, isIPv6, type Socket } from "node:net";
import type { IngesterAddress } from "./settings.ts";

/** An ingester reads datagrams into buffers of this size. */
const MAX_DATAGRAM_BYTES = 2048;

export interface IngesterConnection {
  /** Most bytes of one frame. */
  readonly maxFrameBytes: number;
  /** Resolves when the system has taken the bytes; rejects when the way is broken. */
  write(frame: Uint8Array, address: IngesterAddress, signal: AbortSignal): Promise<void>;
  close(): void;
}

export class TcpConnection implements IngesterConnection {
  readonly maxFrameBytes = 256 * 1024;
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #target = "";

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  async write(frame: Uint8Array, address: IngesterAddress, signal: AbortSignal): Promise<void> {
    const target = `${address.host} ${address.port}`;
    if (this.#socket === undefined || this.#socket.destroyed || this.#target !== target) {
      this.close();
      this.#target = target;
      this.#socket = await this.#open(address, signal);
    }
    const socket = this.#socket;
    await this.#settle(socket, signal, (done) => {
      socket.write(frame, (error) => done(error ?? undefined));
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #open({ host, port }: IngesterAddress, signal: AbortSignal): Promise<Socket> {
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    // Errors between two writes show at the next one.
    socket.on("error", () => socket.destroy());
    // An ingester never answers; what it sends all the same must not pile up.
    socket.resume();
    await this.#settle(socket, signal, (done) => {
      socket.once("connect", () => done(undefined));
    });
    return socket;
  }

  #settle(
    socket: Socket,
    signal: AbortSignal,
    begin: (done: (error: Error | undefined) => void) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error: Error | undefined): void => {
        clearTimeout(timer);
        socket.off("close", onClose);
        socket.off("error", finish);
        signal.removeEventListener("abort", onAbort);
        if (error === undefined) resolve();
        else {
          socket.destroy();
          reject(error);
        }
      };
      const onClose = (): void => finish(new Error("the ingester closed the connection"));
      const onAbort = (): void => finish(new Error("given up"));
      const timer = setTimeout(() => finish(new Error(`no progress in ${this.#timeoutMs} ms`)), this.#timeoutMs);
      socket.on("close", onClose);
      socket.on("error", finish);
      signal.addEventListener("abort", onAbort, { once: true });
      begin(finish);
    });
  }
}

export class UdpConnection implements IngesterConnection {
  readonly maxFrameBytes = MAX_DATAGRAM_BYTES;
  #socket: DatagramSocket | undefined;

  write(frame: Uint8Array, { host, port }: IngesterAddress): Promise<void> {
    this.#socket ??= createSocket(isIPv6(host) ? "udp6" : "udp4").on("error", () => this.close());
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      socket.send(frame, port, host, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}
