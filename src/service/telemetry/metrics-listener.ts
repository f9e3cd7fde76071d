/** Serves our own metrics, on the Collector's port unless configured. OpenTelemetry is loaded only when it is used. */
import { formatListenAddress } from "../../config-value.ts";
import type { Extension } from "../../extension/extension.ts";
import { HttpListener } from "../../extension/listen.ts";
import type { TelemetryConfig } from "../config/config.ts";
import type { MetricSources, OwnMetrics, OwnResource } from "./own-metrics.ts";

export class MetricsListener implements Extension {
  readonly id = "metrics";
  readonly #config: NonNullable<TelemetryConfig["metrics"]>;
  readonly #metrics: OwnMetrics;
  #listener: HttpListener | undefined;

  private constructor(config: NonNullable<TelemetryConfig["metrics"]>, metrics: OwnMetrics) {
    this.#config = config;
    this.#metrics = metrics;
  }

  /** undefined: the configuration wants none. */
  static async create(
    { metrics, resource }: TelemetryConfig,
    sources: MetricSources,
    own: Omit<OwnResource, "attributes">,
  ): Promise<MetricsListener | undefined> {
    if (metrics === undefined) return undefined;
    const { OwnMetrics } = await import("./own-metrics.ts");
    return new MetricsListener(metrics, new OwnMetrics(sources, { ...own, attributes: resource }));
  }

  get address(): string | undefined {
    return this.#listener === undefined ? undefined : `http://${formatListenAddress(this.#listener.address)}/metrics`;
  }

  get isMoved(): boolean {
    return this.#listener?.isMoved ?? false;
  }

  async start(): Promise<void> {
    this.#listener = await HttpListener.open({
      who: "service.telemetry.metrics",
      address: this.#config.address,
      isDefault: this.#config.isDefaultAddress,
      onRequest: (request, response) => {
        if ((request.url ?? "").split("?")[0] === "/metrics") this.#metrics.handle(request, response);
        else response.writeHead(404).end();
      },
    });
  }

  async shutdown(): Promise<void> {
    await this.#listener?.close();
    await this.#metrics.shutdown();
  }
}
