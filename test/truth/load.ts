/** Drives a program under test: a fixed number of requests, a fixed number in flight, over keep-alive connections. */
import http from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { PipelinedConnection } from "./pipelined-connection.ts";

export interface Load {
  readonly prefix: string;
  readonly requests: number;
  readonly inFlight: number;
  /** Requests that are sent on one connection without waiting. */
  readonly pipelined: number;
  query(index: number): string;
}

const PATIENCE_MS = 60_000;

/** The connections to a program; they stay open from one load to the next. */
export class Driver {
  readonly #port: number;
  readonly #agent: http.Agent;
  readonly #pipelines: PipelinedConnection[] = [];

  constructor(port: number) {
    this.#port = port;
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256 });
  }

  /** @returns how many requests were not answered with 200 */
  async drive(load: Load): Promise<number> {
    let next = 0;
    let failed = 0;
    const worker = async (get: (path: string) => Promise<number>) => {
      while (next < load.requests) {
        const index = next++;
        if ((await get(`/h/${load.prefix}${index}?${load.query(index)}`)) !== 200) failed++;
      }
    };
    await Promise.all(
      Array.from({ length: load.inFlight }, (_, lane) => {
        if (load.pipelined === 1) return worker((path) => this.#get(path));
        const connection = this.#pipeline(Math.floor(lane / load.pipelined));
        return worker((path) => connection.get(path));
      }),
    );
    return failed;
  }

  close(): void {
    this.#agent.destroy();
    for (const connection of this.#pipelines) connection.close();
  }

  #pipeline(index: number): PipelinedConnection {
    this.#pipelines[index] ??= new PipelinedConnection(this.#port);
    return this.#pipelines[index];
  }

  #get(path: string): Promise<number> {
    return new Promise((resolve) => {
      const request = http.get(
        { host: "127.0.0.1", port: this.#port, path, agent: this.#agent, timeout: PATIENCE_MS },
        (response) => {
          response.resume().on("end", () => resolve(response.statusCode ?? 0));
        },
      );
      request.on("timeout", () => request.destroy());
      request.on("error", () => resolve(0));
    });
  }
}

export async function waitForPort(port: number, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      }).on("error", () => resolve(false));
    });
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on port ${port} after ${timeoutMs} ms`);
}
