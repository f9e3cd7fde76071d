import assert from "node:assert/strict";
import type { ProfileExporter, TraceExporter } from "../../src/exporter/exporter.ts";
import { createOtlpGrpcExporter, createOtlpGrpcProfileExporter } from "../../src/exporter/otlp/otlp-grpc.ts";
import { otlpGrpcSettings } from "../../src/exporter/otlp/otlp-grpc-settings.ts";
import { createOtlpHttpExporter, createOtlpHttpProfileExporter } from "../../src/exporter/otlp/otlp-http.ts";
import { otlpHttpSettings } from "../../src/exporter/otlp/otlp-http-settings.ts";
import { eventually } from "../support/eventually.ts";
import { makeExporterDeps } from "../support/exporter-deps.ts";
import { Otelcol } from "../support/otelcol.ts";
import { makeProfile, makeProfileSample } from "../support/profiles.ts";
import { Scratch } from "../support/scratch.ts";
import { skip } from "../support/skip.ts";
import { makeResource, makeSpans } from "../support/spans.ts";

const quick = { retry_on_failure: { initial_interval: "100ms", max_interval: "200ms" } };
const grpc = (collector: Otelcol) => otlpGrpcSettings.parse({ ...quick, endpoint: collector.grpcEndpoint });
const http = (collector: Otelcol, encoding: "proto" | "json") =>
  otlpHttpSettings.parse({ ...quick, endpoint: collector.httpEndpoint, encoding });

const SPANS = 100;

describe("otelcol", function () {
  this.timeout(30_000);
  let scratch: Scratch;
  let program: string;

  before(async function () {
    program = Otelcol.programOnPath() ?? skip(this, "no otelcol on the PATH");
  });
  beforeEach(async () => {
    scratch = await Scratch.create();
  });
  afterEach(() => scratch.cleanUp());

  const start = async (signal: "traces" | "profiles", ...args: readonly string[]) =>
    scratch.keep(await Otelcol.start(program, { signal, configPath: scratch.path("config.yaml"), arguments: args }));

  const ofTraces: readonly [name: string, make: (collector: Otelcol) => Promise<TraceExporter>][] = [
    ["otlp_grpc", (collector) => createOtlpGrpcExporter("g", grpc(collector), makeExporterDeps())],
    ["otlp_http", (collector) => createOtlpHttpExporter("h", http(collector, "proto"), makeExporterDeps())],
    ["otlp_http, JSON", (collector) => createOtlpHttpExporter("j", http(collector, "json"), makeExporterDeps())],
  ];
  for (const [name, make] of ofTraces) {
    it(`takes what ${name} sends`, async () => {
      const collector = await start("traces");
      const exporter = await make(collector);
      await exporter.start();
      exporter.consume(makeSpans(SPANS, { name }));
      await eventually(() => exporter.account.out === SPANS);
      await exporter.shutdown(1_000);
      const spans = new RegExp(`^ +Name +: ${name}$`, "gm");
      await eventually(() => collector.said.match(spans)?.length === SPANS);
      assert.deepEqual(exporter.account.lost, new Map());
    });
  }

  const ofProfiles: readonly [name: string, make: (collector: Otelcol) => Promise<ProfileExporter>][] = [
    ["otlp_grpc", (collector) => createOtlpGrpcProfileExporter("g", grpc(collector), makeExporterDeps())],
    ["otlp_http", (collector) => createOtlpHttpProfileExporter("h", http(collector, "proto"), makeExporterDeps())],
    ["otlp_http, JSON", (collector) => createOtlpHttpProfileExporter("j", http(collector, "json"), makeExporterDeps())],
  ];
  for (const [name, make] of ofProfiles) {
    it(`takes the profiles that ${name} sends`, async function () {
      const collector = await start("profiles", "--feature-gates=service.profilesSupport");
      const exporter = await make(collector);
      await exporter.start();
      const samples = Array.from({ length: 10 }, (_, i) => makeProfileSample({ attributes: [["thread.id", i]] }));
      exporter.consume([makeProfile({ samples, resource: makeResource() }), makeProfile({ type: "off_cpu" })]);
      await eventually(() => exporter.account.out === 2 || collector.hasEnded);
      if (collector.hasEnded) skip(this, `this otelcol knows no profiles: ${collector.said.trim().split("\n").at(-1)}`);
      await exporter.shutdown(1_000);
      await eventually(() => collector.said.includes("off_cpu"));
      assert.match(collector.said, /thread\.id/);
      assert.match(collector.said, /0af7651916cd43dd8448eb211c80319c/);
      assert.deepEqual(exporter.account.lost, new Map());
    });
  }
});
