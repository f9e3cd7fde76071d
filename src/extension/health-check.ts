/** health_check: 200 only while the probes are attached, 503 before and after; the Collector's port and answer. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { formatListenAddress, listenAddress } from "../config-value.ts";
import type { Extension } from "./extension.ts";
import { HttpListener } from "./listen.ts";

const HEALTH_CHECK_PORT = 13_133;

export const healthCheckSettings = z.strictObject({
  endpoint: listenAddress().optional(),
  path: z.string().startsWith("/").default("/"),
});

export type HealthCheckSettings = z.output<typeof healthCheckSettings>;

interface HealthSource {
  /** Probes are attached and spans can leave. */
  readonly isReady: boolean;
  /** ms since the epoch; undefined while it is not ready. */
  readonly readySince: number | undefined;
  readonly now: () => number;
}

export class HealthCheck implements Extension {
  readonly id: string;
  readonly #settings: HealthCheckSettings;
  readonly #health: HealthSource;
  #listener: HttpListener | undefined;

  constructor(id: string, settings: HealthCheckSettings, health: HealthSource) {
    this.id = id;
    this.#settings = settings;
    this.#health = health;
  }

  get address(): string | undefined {
    return this.#listener === undefined ? undefined : `http://${formatListenAddress(this.#listener.address)}/`;
  }

  get isMoved(): boolean {
    return this.#listener?.isMoved ?? false;
  }

  async start(): Promise<void> {
    this.#listener = await HttpListener.open({
      who: `extension ${this.id}`,
      address: this.#settings.endpoint ?? { host: "127.0.0.1", port: HEALTH_CHECK_PORT },
      isDefault: this.#settings.endpoint === undefined,
      onRequest: (request, response) => this.#answer(request, response),
    });
  }

  async shutdown(): Promise<void> {
    await this.#listener?.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? "/").split("?")[0];
    if (path !== this.#settings.path) {
      response.writeHead(404).end();
      return;
    }
    const { isReady, readySince, now } = this.#health;
    const body = isReady
      ? {
          status: "Server available",
          upSince: new Date(readySince ?? now()).toISOString(),
          uptime: `${Math.round((now() - (readySince ?? now())) / 1000)}s`,
        }
      : { status: "Server not available" };
    response.writeHead(isReady ? 200 : 503, { "content-type": "application/json" }).end(JSON.stringify(body));
  }
}
