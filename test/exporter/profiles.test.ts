import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { createDebugProfileExporter } from "../../src/exporter/debug/debug.ts";
import { debugSettings } from "../../src/exporter/debug/settings.ts";
import type { ProfileExporter } from "../../src/exporter/exporter.ts";
import { createFileExporters } from "../../src/exporter/file/file.ts";
import { fileSettings } from "../../src/exporter/file/settings.ts";
import { createOtlpGrpcProfileExporter } from "../../src/exporter/otlp/otlp-grpc.ts";
import { otlpGrpcSettings } from "../../src/exporter/otlp/otlp-grpc-settings.ts";
import { createOtlpHttpProfileExporter } from "../../src/exporter/otlp/otlp-http.ts";
import { otlpHttpSettings } from "../../src/exporter/otlp/otlp-http-settings.ts";
import { createPprofExporter } from "../../src/exporter/pprof/pprof.ts";
import { pprofSettings } from "../../src/exporter/pprof/settings.ts";
import { eventually } from "../support/eventually.ts";
import { makeExporterDeps } from "../support/exporter-deps.ts";
import { profilesRequestOfJson } from "../support/otlp-profiles.ts";
import { makeProfile, makeProfileSample } from "../support/profiles.ts";
import { ProfilesCollector } from "../support/profiles-collector.ts";
import { Scratch } from "../support/scratch.ts";
import { makeSpans } from "../support/spans.ts";

const many = (count: number) =>
  makeProfile({
    samples: Array.from({ length: count }, (_, i) => makeProfileSample({ attributes: [["thread.id", i]] })),
  });

describe("exporters of profiles", () => {
  let scratch: Scratch;
  let collector: ProfilesCollector;
  beforeEach(async () => {
    scratch = await Scratch.create();
    collector = scratch.keep(await ProfilesCollector.start());
  });
  afterEach(() => scratch.cleanUp());

  const quick = {
    retry_on_failure: { initial_interval: "10ms", max_interval: "20ms" },
    sending_queue: { batch: { flush_timeout: "10ms" } },
  };
  const kinds: readonly [string, number, () => Promise<ProfileExporter>][] = [
    [
      "otlp_grpc",
      grpc.status.UNAVAILABLE,
      () =>
        createOtlpGrpcProfileExporter(
          "g",
          otlpGrpcSettings.parse({ ...quick, endpoint: collector.grpcEndpoint }),
          makeExporterDeps(),
        ),
    ],
    [
      "otlp_http",
      503,
      () =>
        createOtlpHttpProfileExporter(
          "h",
          otlpHttpSettings.parse({ ...quick, endpoint: `${collector.httpEndpoint}/` }),
          makeExporterDeps(),
        ),
    ],
    [
      "otlp_http with JSON",
      503,
      () =>
        createOtlpHttpProfileExporter(
          "j",
          otlpHttpSettings.parse({ ...quick, endpoint: collector.httpEndpoint, encoding: "json" }),
          makeExporterDeps(),
        ),
    ],
  ];
  for (const [name, unavailable, make] of kinds) {
    describe(name, () => {
      let exporter: ProfileExporter;
      beforeEach(async () => {
        exporter = await make();
        await exporter.start();
      });
      afterEach(() => exporter.shutdown(1000));

      it("delivers, and tries again", async () => {
        collector.failures.push(unavailable);
        exporter.consume([makeProfile(), makeProfile({ type: "off_cpu" })]);
        await eventually(() => exporter.account.out === 2);
        assert.equal(collector.requests.length, 1);
        const [request] = collector.requests;
        assert.equal(request!.resourceProfiles.length, 2);
        if (name !== "otlp_grpc") assert.ok(collector.paths.every((path) => path === "/v1development/profiles"));
        assert.deepEqual([exporter.account.held, exporter.account.unit], [0, "profiles"]);
      });

      it("cuts what is too large, and counts each profile once", async () => {
        collector.maxSizeBytes = 20_000;
        exporter.consume([many(1000), many(500), many(1)]);
        await eventually(() => collector.sampleCount === 1501);
        await eventually(() => exporter.account.out === 3);
        assert.ok(collector.requests.length > 2);
        assert.deepEqual(exporter.account.lost, new Map());
      });

      it("counts what a server rejects", async () => {
        if (name.includes("JSON")) return;
        collector.rejections.push(1);
        exporter.consume([makeProfile(), makeProfile()]);
        await eventually(() => exporter.account.held === 0);
        assert.deepEqual([exporter.account.out, exporter.account.lost], [1, new Map([["rejected", 1]])]);
      });
    });
  }

  it("may have an endpoint of their own, and need one", async () => {
    const own = otlpHttpSettings.parse({ profiles_endpoint: `${collector.httpEndpoint}/own`, compression: "none" });
    const exporter = await createOtlpHttpProfileExporter("h", own, makeExporterDeps());
    await exporter.start();
    exporter.consume([makeProfile()]);
    await exporter.shutdown(5000);
    assert.deepEqual(collector.paths, ["/own"]);
    const other = otlpHttpSettings.parse({ traces_endpoint: "http://127.0.0.1:1/v1/traces" });
    await assert.rejects(createOtlpHttpProfileExporter("h", other, makeExporterDeps()), {
      code: "EXPORTER_ENDPOINT_MISSING",
    });
  });

  it("write lines of both signals into one file", async () => {
    const path = scratch.path("otlp.json");
    const settings = fileSettings.parse({ path, flush_interval: "5ms" });
    const { traces, profiles } = createFileExporters("file", settings, makeExporterDeps());
    await Promise.all([traces.start(), profiles.start()]);
    traces.consume(makeSpans(2));
    profiles.consume([makeProfile(), makeProfile({ samples: [] })]);
    await Promise.all([traces.shutdown(1000), profiles.shutdown(1000)]);
    const [first, second] = readFileSync(path, "utf8").split("\n");
    assert.ok(first?.startsWith('{"resourceSpans":'));
    profilesRequestOfJson(second!);
    assert.deepEqual([traces.account.out, profiles.account.out, profiles.account.held], [2, 1, 0]);
  });

  it("show on the terminal what took the time", async () => {
    const outputOf = (verbosity: string) => {
      const deps = makeExporterDeps();
      createDebugProfileExporter("debug", debugSettings.parse({ verbosity }), deps).consume([makeProfile()]);
      return deps.output.join("");
    };
    assert.equal(outputOf("basic"), "profiles  resource profiles: 1  samples: 1\n");
    assert.match(outputOf("normal"), /^on cpu {6}1 samples {2}\S+ \(pid .*\) {2}100 % read {2}1 linked to spans\n$/);
    assert.match(outputOf("detailed"), /\n {4}work {2}a\.cc:7 native\n/);
  });

  it("write one pprof file for each period and kind, and keep the newest", async () => {
    const settings = pprofSettings.parse({ directory: scratch.folder, period: "20ms", max_files: 3 });
    const exporter = createPprofExporter("pprof", settings, makeExporterDeps());
    await exporter.start();
    for (let i = 1; i <= 4; i++) {
      exporter.consume([makeProfile(), makeProfile({ type: "off_cpu" })]);
      await eventually(() => exporter.account.out === 2 * i);
    }
    await exporter.shutdown(1000);
    const names = readdirSync(scratch.folder);
    assert.equal(names.length, 3);
    for (const name of names) assert.match(name, /^(?:cpu|off_cpu)-.*\.pb\.gz$/);
    const missing = pprofSettings.parse({ directory: scratch.path("none") });
    await assert.rejects(createPprofExporter("pprof", missing, makeExporterDeps()).start(), {
      code: "EXPORTER_FILE_UNUSABLE",
    });
  });
});
