/**
 * Two processes of our own that speak HTTP to each other once: the proof, at every start, that capturing works. They
 * are started before the broker, since everything that is started after it is left out of tracing.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const STEP_TIMEOUT_MS = 5000;

export class SelfTestProcesses {
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;
  readonly #port: Promise<number>;
  readonly #stepTimeoutMs: number;

  constructor(stepTimeoutMs = STEP_TIMEOUT_MS) {
    this.#stepTimeoutMs = stepTimeoutMs;
    this.#server = start("exchange-server.js");
    this.#client = start("exchange-client.js");
    this.#port = message(this.#server).then((value) => Number((value as { port?: unknown }).port));
    // Looked at when the exchange is made; a failure before that is no unhandled rejection.
    this.#port.catch(() => {});
  }

  get pids(): readonly number[] {
    return [this.#server.pid, this.#client.pid].filter((pid) => pid !== undefined);
  }

  /** @throws Error when the two could not speak to each other */
  async exchange(): Promise<void> {
    // The time counts from here: what starts meanwhile may keep this process from reading messages for long.
    const port = await this.#within(this.#port);
    const answer = message(this.#client);
    this.#client.send({ port });
    const { status, error } = (await this.#within(answer)) as { status?: number; error?: string };
    if (status !== 200) throw new Error(error ?? `status ${status}`);
  }

  end(): void {
    for (const child of [this.#server, this.#client]) {
      // Without CAP_KILL that is refused. They end when they are left alone, and so they keep nobody from ending.
      child.once("error", () => {});
      child.kill("SIGKILL");
      if (child.connected) child.disconnect();
    }
  }

  async #within<Value>(step: Promise<Value>): Promise<Value> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("no answer in time")), this.#stepTimeoutMs);
    });
    return await Promise.race([step, limit]).finally(() => clearTimeout(timer));
  }
}

function start(file: string): ChildProcess {
  const entry = fileURLToPath(new URL(`./${file}`, import.meta.url));
  return fork(entry, [], { stdio: ["ignore", "ignore", "ignore", "ipc"], execArgv: ["--max-old-space-size=32"] });
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("error", reject);
    child.once("exit", () => reject(new Error("it ended")));
  });
}
