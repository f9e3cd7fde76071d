/** The ingester's side: TCP and UDP on one port (20033). A stranger's bytes end his own connection and nothing else. */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { StageAccount } from "../../mapping/account.ts";
import { decodeFrameHeader, faultOf, headerBytes } from "../../mapping/trident/wire/frame.ts";
import { FrameReader } from "../../mapping/trident/wire/frame-reader.ts";
import type { FrameHandler } from "./frame-handler.ts";

interface IngesterOptions {
  readonly host: string;
  readonly port: number;
  readonly maxFrameBytes: number;
  readonly maxConnections: number;
  /** A connection with half a frame and nothing more for so long is ended. */
  readonly stallMs: number;
  /** So is one that says nothing at all. */
  readonly idleMs: number;
  readonly handler: FrameHandler;
}

export class Ingester {
  /** Unit: connection. in: accepted; consumed and lost: how they ended. */
  readonly connections = new StageAccount("trident_ingest", "connection");
  readonly #options: IngesterOptions;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #datagrams: DatagramSocket | undefined;

  constructor(options: IngesterOptions) {
    this.#options = options;
  }

  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  async start(): Promise<void> {
    const { host, port } = this.#options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      this.#server?.once("error", reject).listen({ host, port }, () => {
        this.#server?.off("error", reject);
        this.#server?.on("error", () => undefined);
        resolve();
      });
    });
    const datagrams = createSocket(host.includes(":") ? "udp6" : "udp4");
    this.#datagrams = datagrams;
    await new Promise<void>((resolve, reject) => {
      datagrams.once("error", reject).bind({ address: host, port: this.port ?? port }, () => {
        datagrams.off("error", reject);
        datagrams.on("error", () => undefined);
        resolve();
      });
    });
    datagrams.on("message", (bytes) => this.#takeDatagram(bytes));
  }

  async shutdown(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => {
        if (this.#server?.listening) this.#server.close(() => resolve());
        else resolve();
      }),
      new Promise<void>((resolve) => {
        if (this.#datagrams === undefined) resolve();
        else this.#datagrams.close(() => resolve());
      }),
    ]);
  }

  #accept(socket: Socket): void {
    const { maxConnections, maxFrameBytes, stallMs, idleMs, handler } = this.#options;
    this.connections.addIn();
    if (this.#sockets.size >= maxConnections) {
      this.connections.addLost("too_many_connections");
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const reader = new FrameReader(maxFrameBytes);
    let lost: string | undefined;
    let frameStartedMs = 0;
    const end = (reason: string): void => {
      lost ??= reason;
      socket.destroy();
    };
    socket.setTimeout(idleMs, () => end(reader.heldBytes > 0 ? "half_frame" : "idle"));
    // Bytes that trickle reset the socket's own timer, so a frame has its own.
    const watch = setInterval(
      () => {
        if (reader.heldBytes > 0 && Date.now() - frameStartedMs > stallMs) end("slow_sender");
      },
      Math.max(50, Math.min(1000, stallMs / 2)),
    );
    watch.unref();
    socket.on("data", (chunk) => {
      const wasHeld = reader.heldBytes > 0;
      let frames = 0;
      const fault = reader.push(chunk, (header, body) => {
        frames++;
        handler.handle(header, body);
      });
      if (fault !== undefined) {
        handler.frames.addIn();
        handler.frames.addLost(fault);
        end(fault);
      } else if (reader.heldBytes > 0 && (!wasHeld || frames > 0)) frameStartedMs = Date.now();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearInterval(watch);
      this.#sockets.delete(socket);
      if (lost === undefined && reader.heldBytes > 0) lost = "half_frame";
      if (lost === undefined || lost === "idle") this.connections.addConsumed(lost ?? "closed");
      else this.connections.addLost(lost);
    });
  }

  #takeDatagram(bytes: Uint8Array): void {
    const { handler, maxFrameBytes } = this.#options;
    const type = bytes[4];
    if (type === undefined || bytes.length < headerBytes(type)) {
      handler.frames.addIn();
      handler.frames.addLost("frame_truncated");
      return;
    }
    const header = decodeFrameHeader(bytes, 0);
    // The datagram's own length counts: short headers leave the field empty.
    const fault = faultOf(bytes.length, type, maxFrameBytes);
    if (fault === undefined && header.frameBytes <= bytes.length) {
      handler.handle(header, bytes.subarray(headerBytes(type), header.frameBytes || bytes.length));
      return;
    }
    handler.frames.addIn();
    handler.frames.addLost(fault ?? "frame_truncated");
  }
}
