import assert from "node:assert/strict";
import { socketTraceConfig } from "../../../../src/ipc/socket-trace-config.ts";
import { readAgentConfig } from "../../../../src/mapping/trident/config/agent-config.ts";
import { HONOURED_KEYS, IGNORED_KEYS, kindOfKey } from "../../../../src/mapping/trident/config/config-keys.ts";
import { treeOfV6Config } from "../../../../src/mapping/trident/config/config-v6.ts";
import { ntpOffsetNs, ntpRequest, ntpResponse } from "../../../../src/mapping/trident/ntp.ts";
import { ConfigSchema } from "../../../../src/trident/proto/trident.gen.ts";

describe("agent configuration", () => {
  it("has the defaults of the agents", () => {
    const result = readAgentConfig({});
    assert.ok(result.kind === "config");
    assert.equal(result.config.ingester, undefined);
    assert.equal(result.config.proxyControllerPort, 30_035);
    assert.equal(result.config.syncIntervalMs, 60_000);
    assert.equal(result.config.maxEscapeMs, 3_600_000);
    assert.equal(result.config.maxRowsPerSecond, 10_000);
    assert.equal(result.config.isCaptureEnabled, true);
  });

  it("takes what it honours and names what it ignores", () => {
    const result = readAgentConfig({
      global: {
        communication: {
          ingester_ip: "10.0.0.1",
          ingester_port: 20033,
          proactive_request_interval: "2m",
          max_throughput_to_ingester: 8,
        },
        ntp: { enabled: true, min_drift: "500ms" },
        limits: { max_memory: 768 },
      },
      inputs: { ebpf: { socket: { kprobe: { blacklist: { ports: "22,8000-8002" } } } } },
      processors: {
        request_log: { application_protocol_inference: { enabled_protocols: ["HTTP", "gRPC", "no such"] } },
      },
      outputs: { flow_log: { throttles: { l7_throttle: 5 } }, compression: { l7_flow_log: false } },
      a: { b: 1 },
    });
    assert.ok(result.kind === "config");
    const { config } = result;
    assert.deepEqual(config.ingester, { host: "10.0.0.1", port: 20033 });
    assert.equal(config.syncIntervalMs, 120_000);
    assert.equal(config.maxBytesPerSecond, 1_000_000);
    assert.equal(config.ntpMinDriftMs, 500);
    assert.deepEqual([...(config.protocols ?? [])], [20, 41]);
    assert.ok(config.excludedPorts.has(8001) && !config.excludedPorts.has(80));
    assert.equal(config.isCompressed, false);
    assert.deepEqual(config.ignoredKeys, ["global.limits.max_memory"]);
    assert.deepEqual(config.unknownKeys, ["a.b"]);
  });

  it("refuses all of a configuration that is wrong somewhere, and says where", () => {
    for (const tree of [null, "text", [], 7]) assert.equal(readAgentConfig(tree).kind, "refused");
    const result = readAgentConfig({
      global: { communication: { proactive_request_interval: "soon", ingester_port: "x" } },
      inputs: { ebpf: { disabled: "maybe", socket: { kprobe: { whitelist: { ports: "1-" } } } } },
    });
    assert.ok(result.kind === "refused");
    assert.equal(result.problems.length, 4);
  });

  it("keeps values within their bounds", () => {
    const result = readAgentConfig({ global: { communication: { proactive_request_interval: "1ms" } } });
    assert.ok(result.kind === "config");
    assert.equal(result.config.syncIntervalMs, 1000);
  });

  it("reads the Config message of the older generation with the same reader", () => {
    const tree = treeOfV6Config(
      {
        sync_interval: 30,
        analyzer_ip: "10.0.0.2",
        analyzer_port: 30033,
        l7_log_collect_nps_threshold: "77",
        http_log_proxy_client: "X-Real-IP",
        max_memory: 1,
      },
      { ebpf: { disabled: true, "kprobe-blacklist": { "port-list": "22" } } },
    );
    const result = readAgentConfig(tree);
    assert.ok(result.kind === "config");
    assert.equal(result.config.syncIntervalMs, 30_000);
    assert.deepEqual(result.config.ingester, { host: "10.0.0.2", port: 30033 });
    assert.equal(result.config.maxRowsPerSecond, 77);
    assert.equal(result.config.isCaptureEnabled, false);
    assert.ok(result.config.excludedPorts.has(22));
    assert.deepEqual(result.config.captureSettings.get("receivers.socket_trace.request_headers"), ["x-real-ip"]);
  });

  it("has every key in one table only, sorted, and fields that exist", () => {
    const honoured = HONOURED_KEYS.map(({ path }) => path);
    const ignored = IGNORED_KEYS.map(({ path }) => path);
    assert.deepEqual(honoured, [...new Set(honoured)].sort());
    assert.deepEqual(ignored, [...new Set(ignored)].sort());
    for (const path of ignored)
      assert.ok(!honoured.some((other) => other === path || other.startsWith(`${path}.`)), path);
    for (const path of honoured) assert.equal(kindOfKey(path), "honoured");
    const fields = new Set(ConfigSchema.fields.map((field) => field.name));
    for (const { field } of HONOURED_KEYS) {
      if (field !== undefined && !field.startsWith("yaml:")) assert.ok(fields.has(field), field);
    }
  });
});

describe("capture.yaml", () => {
  it("is a fragment that sockspan's own schema takes", () => {
    const result = readAgentConfig({
      global: { self_monitoring: { log: { log_level: "DEBUG" } } },
      processors: {
        request_log: {
          tunning: { payload_truncation: 9000 },
          tag_extraction: { tracing_tag: { x_request_id: ["X_Request_ID"] } },
        },
      },
    });
    assert.ok(result.kind === "config");
    const { captureSettings } = result.config;
    assert.equal(captureSettings.get("service.telemetry.logs.level"), "debug");
    const prefix = "receivers.socket_trace.";
    const socketTrace = [...captureSettings].filter(([path]) => path.startsWith(prefix));
    socketTraceConfig.parse(Object.fromEntries(socketTrace.map(([path, value]) => [path.slice(prefix.length), value])));
    assert.deepEqual(captureSettings.get("receivers.socket_trace.request_headers"), ["x-request-id"]);
  });
});

describe("NTP in Query", () => {
  const T1 = 1_700_000_000_000_000_000n;

  it("finds the offset by four time stamps", () => {
    const request = ntpRequest(0xfedcba9876543210n);
    const response = ntpResponse(request, T1 + 30_000_000_000n, T1 + 30_001_000_000n);
    assert.ok(response);
    const offset = ntpOffsetNs(response, 0xfedcba9876543210n, T1, T1 + 3_000_000n);
    assert.ok(offset !== undefined && offset > 29_998_000_000n && offset < 30_001_000_000n);
  });

  it("refuses what is no answer to its request", () => {
    const request = ntpRequest(1n);
    const response = ntpResponse(request, T1, T1) ?? new Uint8Array(0);
    assert.equal(ntpOffsetNs(response, 2n, T1, T1), undefined);
    assert.equal(ntpOffsetNs(response.subarray(1), 1n, T1, T1), undefined);
    assert.equal(ntpOffsetNs(request, 1n, T1, T1), undefined);
    assert.equal(ntpResponse(new Uint8Array(48), T1, T1), undefined);
    assert.equal(ntpResponse(new Uint8Array(0), T1, T1), undefined);
    const backwards = ntpResponse(request, T1 + 1_000_000_000n, T1) ?? new Uint8Array(0);
    assert.equal(ntpOffsetNs(backwards, 1n, T1, T1), undefined);
  });
});
