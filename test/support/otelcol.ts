/** A real Collector, where one is on the PATH; what it has taken is what its debug exporter says. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { freePort } from "./free-port.ts";

export interface OtelcolOptions {
  readonly signal: "traces" | "profiles";
  readonly configPath: string;
  readonly arguments?: readonly string[];
}

export class Otelcol {
  readonly #child: ChildProcess;
  readonly #said: string[] = [];
  readonly grpcEndpoint: string;
  readonly httpEndpoint: string;

  private constructor(child: ChildProcess, grpcPort: number, httpPort: number) {
    this.#child = child;
    this.grpcEndpoint = `http://127.0.0.1:${grpcPort}`;
    this.httpEndpoint = `http://127.0.0.1:${httpPort}`;
    child.stderr?.on("data", (chunk) => this.#said.push(String(chunk)));
  }

  static programOnPath(): string | undefined {
    return ["otelcol", "otelcol-contrib"].find((name) => spawnSync(name, ["--version"]).status === 0);
  }

  static async start(program: string, options: OtelcolOptions): Promise<Otelcol> {
    const [grpcPort, httpPort] = [await freePort(), await freePort()];
    const protocols = { grpc: { endpoint: `127.0.0.1:${grpcPort}` }, http: { endpoint: `127.0.0.1:${httpPort}` } };
    const config = {
      receivers: { otlp: { protocols } },
      exporters: { debug: { verbosity: "detailed", sampling_initial: 1_000_000 } },
      service: {
        telemetry: { metrics: { level: "none" } },
        pipelines: { [options.signal]: { receivers: ["otlp"], exporters: ["debug"] } },
      },
    };
    // JSON is YAML.
    writeFileSync(options.configPath, JSON.stringify(config));
    const child = spawn(program, ["--config", options.configPath, ...(options.arguments ?? [])], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return new Otelcol(child, grpcPort, httpPort);
  }

  get said(): string {
    return this.#said.join("");
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null;
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill();
    await once(this.#child, "exit");
  }
}
