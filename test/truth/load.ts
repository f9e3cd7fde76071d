/** Drives a program under test: a fixed number of requests, a fixed number in flight, over keep-alive connections. */
import http from "node:http";
import { connect } from "node:net";

export interface Load {
  readonly port: number;
  readonly prefix: string;
  readonly query: string;
  readonly requests: number;
  readonly concurrency: number;
}

/** @returns how many requests were not answered with 200 */
export async function drive(load: Load): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: load.concurrency });
  let next = 0;
  let failed = 0;
  const worker = async () => {
    while (next < load.requests) {
      const path = `/h/${load.prefix}${next++}?${load.query}`;
      const status = await get(agent, load.port, path);
      if (status !== 200) failed++;
    }
  };
  await Promise.all(Array.from({ length: load.concurrency }, worker));
  agent.destroy();
  return failed;
}

function get(agent: http.Agent, port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    const request = http.get({ host: "127.0.0.1", port, path, agent, timeout: 60_000 }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(0));
  });
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
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port} after ${timeoutMs} ms`);
}
