import assert from "node:assert/strict";
import { stringify } from "yaml";
import { catalog } from "../../../src/service/catalog.ts";
import { effectiveConfig } from "../../../src/service/config/effective.ts";
import { loadConfig } from "../../../src/service/config/load.ts";
import { redact } from "../../../src/service/config/redact.ts";

const everything = `
receivers: {socket_trace: , profile: , trident: {ingester: {endpoint: "127.0.0.1:0"}}}
processors: {batch: , filter: {exclude: [{name: x}]}, memory_limiter: {limit_mib: 100}, redaction: }
exporters:
  debug:
  deepflow: {endpoint: "127.0.0.1:1"}
  file: {path: /tmp/out.json, rotation: }
  otlp_grpc: {endpoint: "https://collector:4317"}
  otlp_http: {endpoint: "https://collector:4318"}
  pprof: {directory: /tmp/out}
extensions: {file_storage: , health_check: {endpoint: "[::1]:1"}, zpages: }
service:
  extensions: [zpages]
  pipelines:
    traces: {receivers: [socket_trace], exporters: [debug]}
    profiles: {receivers: [profile], exporters: [pprof]}
`;

function effective(text: string): Record<string, unknown> {
  const readFile = () => text;
  const options = { locations: ["a.yaml"], settings: [], defaultLocation: "", environment: {}, readFile, catalog };
  return effectiveConfig(loadConfig(options).config, catalog);
}

describe("effective configuration", () => {
  it("is a configuration, and gives itself", () => {
    const printed = effective(everything);
    assert.deepEqual(effective(stringify(printed)), printed);
  });

  it("says of each signal which topic and encoding Kafka gets", () => {
    const older = effective(everything.replace("exporters:", "exporters:\n  kafka: {topic: t, encoding: otlp_json}"));
    const { kafka } = older["exporters"] as Record<string, Record<string, unknown>>;
    assert.deepEqual(kafka?.["traces"], { topic: "t", encoding: "otlp_json" });
    const own = effective(everything.replace("exporters:", "exporters:\n  kafka: {topic: t, traces: {topic: u}}"));
    const { kafka: second } = own["exporters"] as Record<string, Record<string, unknown>>;
    assert.deepEqual(second?.["traces"], { topic: "u", encoding: "otlp_proto" });
    const plain = effective(everything.replace("exporters:", "exporters:\n  kafka:"));
    const { kafka: third } = plain["exporters"] as Record<string, Record<string, unknown>>;
    assert.deepEqual(third?.["traces"], { topic: "otlp_spans", encoding: "otlp_proto" });
    assert.deepEqual(third?.["profiles"], { topic: "otlp_profiles", encoding: "otlp_proto" });
    assert.deepEqual(effective(stringify(own)), own);
  });

  it("needs texts and lists that are long enough, and says how long", () => {
    const refused = (text: string, words: RegExp) => assert.throws(() => effective(text), { message: words });
    const needed = "at least 16 characters are needed";
    refused(everything.replace("zpages: ", "zpages: {token: short}"), new RegExp(`REDACTED. is too short, ${needed}`));
    const brokers = everything.replace("exporters:", "exporters:\n  kafka: {brokers: []}");
    refused(brokers, /a list is too short, at least 1 entry is needed/);
  });

  it("writes durations as they are read", () => {
    const { receivers, exporters } = effective(everything) as Record<string, Record<string, Record<string, unknown>>>;
    assert.equal(receivers?.["socket_trace"]?.["settle"], "5s");
    assert.equal(receivers?.["profile"]?.["period"], "10s");
    assert.equal(exporters?.["otlp_grpc"]?.["timeout"], "5s");
  });

  it("is shown without secrets", () => {
    const urls = {
      "https://user:hunter2@host:4317": "https://[REDACTED]@host:4317",
      "https://user:hun@hunter2@host/p": "https://[REDACTED]@host/p",
      "https://host:4318/p?api_key=hunter2&b=hunter2": "https://host:4318/p?api_key=[REDACTED]&b=[REDACTED]",
      "host:4317": "host:4317",
      "what is a=b?c=d": "what is a=b?c=d",
    };
    for (const [url, shown] of Object.entries(urls)) assert.deepEqual(redact({ endpoint: url }), { endpoint: shown });
    const secrets = { headers: { a: "hunter2" }, tls: { key_pem: "hunter2" }, token: "hunter2", list: [{ secret: 1 }] };
    assert.doesNotMatch(JSON.stringify(redact(secrets)), /hunter2|1/);
  });
});
