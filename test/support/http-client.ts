/** Asks servers and knows for itself what was asked, when, and what came of it. */
import { Agent, request } from "node:http";
import { Socket } from "node:net";

export interface Exchange {
  readonly path: string;
  readonly method: string;
  readonly status: number;
  readonly localPort: number;
  /** Unix time; the exchange lies between. */
  readonly beforeNs: bigint;
  readonly afterNs: bigint;
}

export interface AskOptions {
  readonly method?: string;
  readonly body?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
}

/** Date.now() is cut off to a millisecond: so is the beginning, and the end is rounded up. */
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
const MILLISECOND_NS = 1_000_000n;

export function ask(port: number, path: string, options: AskOptions = {}): Promise<Exchange> {
  const { method = "GET", body, headers, agent } = options;
  return new Promise((resolve, reject) => {
    const beforeNs = nowNs();
    const outgoing = request({ host: "127.0.0.1", port, path, method, agent, headers: { ...headers } }, (response) => {
      const localPort = response.socket.localPort ?? 0;
      response.resume().on("end", () => {
        const status = response.statusCode ?? 0;
        resolve({ path, method, status, localPort, beforeNs, afterNs: nowNs() + MILLISECOND_NS });
      });
    });
    outgoing.on("error", reject).end(body);
  });
}

/** `connections` keep-alive connections ask for each path once. */
export async function askMany(port: number, paths: readonly string[], connections: number): Promise<Exchange[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const exchanges: Exchange[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let path = paths[next++]; path !== undefined; path = paths[next++]) {
      exchanges.push(await ask(port, path, { agent }));
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  agent.destroy();
  return exchanges;
}

/** Writes the pieces one after the other, each a segment of its own, and gives what the server says until it closes. */
export async function askInPieces(port: number, pieces: readonly (string | Buffer)[], gapMs: number): Promise<string> {
  const socket = new Socket().setNoDelay(true).connect(port, "127.0.0.1");
  const received: Buffer[] = [];
  socket.on("data", (chunk) => received.push(chunk));
  const closed = new Promise<void>((resolve, reject) => socket.once("close", () => resolve()).once("error", reject));
  for (const piece of pieces) {
    await new Promise<void>((resolve, reject) => socket.write(piece, (error) => (error ? reject(error) : resolve())));
    if (gapMs > 0) await new Promise((resolve) => setTimeout(resolve, gapMs));
  }
  await closed;
  return Buffer.concat(received).toString("latin1");
}
