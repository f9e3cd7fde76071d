import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TraceExporter } from "../../src/exporter/exporter.ts";
import { createOtlpGrpcExporter } from "../../src/exporter/otlp-grpc.ts";
import { createOtlpHttpExporter } from "../../src/exporter/otlp-http.ts";
import { otlpGrpcSettings } from "../../src/exporter/settings/otlp-grpc.ts";
import { otlpHttpSettings } from "../../src/exporter/settings/otlp-http.ts";
import { eventually } from "../support/eventually.ts";
import { makeExporterDeps } from "../support/exporter-deps.ts";
import { freePort } from "../support/free-port.ts";
import { type OtlpTraceRequest, spansOf } from "../support/otlp-messages.ts";
import { skip } from "../support/skip.ts";
import { makeSpans } from "../support/spans.ts";

/** Against the real Collector, with its file exporter as what we read. */
describe("otelcol", function () {
  this.timeout(30_000);
  let folder: string | undefined;
  let collector: ChildProcess | undefined;
  let file: string;
  const ports = { grpc: 0, http: 0 };

  before(async function () {
    const program = ["otelcol", "otelcol-contrib"].find((name) => spawnSync(name, ["--version"]).status === 0);
    if (program === undefined) skip(this, "no otelcol on the PATH");
    folder = mkdtempSync(join(tmpdir(), "otelcol-"));
    file = join(folder, "traces.json");
    ports.grpc = await freePort();
    ports.http = await freePort();
    const config = {
      receivers: {
        otlp: {
          protocols: { grpc: { endpoint: `127.0.0.1:${ports.grpc}` }, http: { endpoint: `127.0.0.1:${ports.http}` } },
        },
      },
      exporters: { file: { path: file } },
      service: {
        telemetry: { metrics: { level: "none" } },
        pipelines: { traces: { receivers: ["otlp"], exporters: ["file"] } },
      },
    };
    // JSON is YAML.
    writeFileSync(join(folder, "config.yaml"), JSON.stringify(config));
    collector = spawn(program, ["--config", join(folder, "config.yaml")], { stdio: "ignore" });
  });

  after(async () => {
    if (collector?.exitCode === null) {
      collector.kill();
      await once(collector, "exit");
    }
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const quick = { retry_on_failure: { initial_interval: "100ms", max_interval: "200ms" } };
  const exporters: readonly [name: string, make: () => Promise<TraceExporter>][] = [
    [
      "otlp_grpc",
      () =>
        createOtlpGrpcExporter("g", otlpGrpcSettings.parse({ ...quick, endpoint: at(ports.grpc) }), makeExporterDeps()),
    ],
    [
      "otlp_http",
      () =>
        createOtlpHttpExporter("h", otlpHttpSettings.parse({ ...quick, endpoint: at(ports.http) }), makeExporterDeps()),
    ],
    [
      "otlp_http, JSON",
      () =>
        createOtlpHttpExporter(
          "j",
          otlpHttpSettings.parse({ ...quick, endpoint: at(ports.http), encoding: "json" }),
          makeExporterDeps(),
        ),
    ],
  ];
  for (const [name, make] of exporters) {
    it(`takes what ${name} sends`, async () => {
      const exporter = await make();
      await exporter.start();
      exporter.consume(makeSpans(100, { name }));
      await eventually(() => exporter.account.out === 100);
      await exporter.shutdown(1_000);
      await eventually(() => received(name) === 100);
      assert.deepEqual(exporter.account.lost, new Map());
    });
  }

  function received(name: string): number {
    if (!existsSync(file)) return 0;
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    const spans = lines.flatMap((line) => spansOf(JSON.parse(line) as OtlpTraceRequest));
    return spans.filter((span) => span.name === name).length;
  }
});

function at(port: number): string {
  return `http://127.0.0.1:${port}`;
}
