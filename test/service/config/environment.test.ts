import assert from "node:assert/strict";
import { EnvironmentInvalidError } from "../../../src/service/config/environment.ts";
import { load, MINIMAL } from "./support.ts";

describe("OTEL_EXPORTER_OTLP_*", () => {
  const exporterOf = (environment: Record<string, string>) => {
    const { config } = load({ locations: [], environment });
    const id = config.pipelines[0]?.exporters.find((each) => each.endsWith("/environment"));
    return id === undefined ? undefined : config.exporters.get(id);
  };

  it("adds an exporter to the default configuration only", () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4317" };
    assert.equal(exporterOf(environment)?.type, "otlp_grpc");
    assert.equal(load({ files: { "a.yaml": MINIMAL }, environment }).config.exporters.size, 1);
    assert.equal(exporterOf({}), undefined);
    assert.equal(exporterOf({ ...environment, OTEL_TRACES_EXPORTER: "none" }), undefined);
  });

  it("reads every variable, the signal's own first", () => {
    const settings = exporterOf({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://general:4317",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector",
      OTEL_EXPORTER_OTLP_TIMEOUT: "1500",
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%3Db$c, x = y ",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "none",
      OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca.pem",
    })?.settings;
    assert.deepEqual(settings, {
      endpoint: "collector:443",
      timeout: 1500,
      compression: "none",
      headers: { "api-key": "a=b$c", x: "y" },
      tls: { insecure: false, ca_file: "/ca.pem" },
      sending_queue: { queue_size: 1024, num_consumers: 10 },
    });
  });

  it("picks the exporter by protocol, and by port where none is set", () => {
    assert.equal(exporterOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" })?.type, "otlp_http");
    assert.equal(
      exporterOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })?.type,
      "otlp_grpc",
    );
    const json = exporterOf({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c/custom",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
    });
    assert.equal(json?.type, "otlp_http");
    const { traces_endpoint, encoding } = (json?.settings ?? {}) as Record<string, unknown>;
    assert.deepEqual([traces_endpoint, encoding], ["http://c/custom", "json"]);
  });

  it("takes an endpoint without a scheme as one with TLS, unless it is told otherwise", () => {
    const endpointOf = (endpoint: string, more: Record<string, string> = {}) => {
      const found = exporterOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...more });
      const { endpoint: to, tls } = found!.settings as { endpoint: string; tls: { insecure: boolean } };
      return [found?.type, to, tls.insecure];
    };
    const insecure = { OTEL_EXPORTER_OTLP_INSECURE: "TRUE" };
    assert.deepEqual(endpointOf("c:4317"), ["otlp_grpc", "c:4317", false]);
    assert.deepEqual(endpointOf("c:4317", insecure), ["otlp_grpc", "c:4317", true]);
    assert.deepEqual(endpointOf("c"), ["otlp_grpc", "c:4317", false]);
    assert.deepEqual(endpointOf("[::1]:4317", insecure), ["otlp_grpc", "[::1]:4317", true]);
    assert.deepEqual(endpointOf("c:4318"), ["otlp_http", "https://c:4318", false]);
    assert.deepEqual(endpointOf("c:4318/base/", insecure), ["otlp_http", "http://c:4318/base", true]);
    assert.deepEqual(endpointOf("unix:///run/otel.sock"), ["otlp_grpc", "unix:///run/otel.sock", false]);
    assert.deepEqual(endpointOf("dns:///c:4317", insecure), ["otlp_grpc", "dns:///c:4317", true]);
  });

  it("shows no secret of an endpoint that is none", () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://user:hunter2@c:43x17" };
    assert.throws(
      () => exporterOf(environment),
      (error: Error) => !error.message.includes("hunter2"),
    );
  });

  it("refuses what it can't mean", () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4317" };
    for (const wrong of [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://c" },
      { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "thrift" },
      { ...endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: "5s" },
      { ...endpoint, OTEL_EXPORTER_OTLP_COMPRESSION: "zip" },
      { ...endpoint, OTEL_EXPORTER_OTLP_HEADERS: "novalue" },
      { ...endpoint, OTEL_EXPORTER_OTLP_INSECURE: "perhaps" },
      { OTEL_EXPORTER_OTLP_ENDPOINT: "unix:///run/otel.sock", OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" },
    ]) {
      assert.throws(() => exporterOf(wrong), EnvironmentInvalidError, JSON.stringify(wrong));
    }
  });
});
