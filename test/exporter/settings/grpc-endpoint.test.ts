import assert from "node:assert/strict";
import { parseGrpcEndpoint } from "../../../src/exporter/settings/grpc-endpoint.ts";

describe("parseGrpcEndpoint", () => {
  const cases: readonly [endpoint: string, insecure: boolean, target: string, secure: boolean][] = [
    ["http://localhost:4317", false, "dns:localhost:4317", false],
    ["http://localhost", false, "dns:localhost:4317", false],
    ["http://localhost:80/", false, "dns:localhost:80", false],
    ["https://otel.example.com:443", true, "dns:otel.example.com:443", true],
    ["https://otel.example.com", false, "dns:otel.example.com:443", true],
    ["otel.example.com:4317", false, "dns:otel.example.com:4317", true],
    ["otel.example.com:4317", true, "dns:otel.example.com:4317", false],
    ["dns:///otel:4317", true, "dns:otel:4317", false],
    ["dns:otel:4317", true, "dns:otel:4317", false],
    ["dns:4317", true, "dns:dns:4317", false],
    ["passthrough:///otel:4317", true, "dns:otel:4317", false],
    ["HTTP://Otel:4317", false, "dns:Otel:4317", false],
    ["HTTPS://otel", false, "dns:otel:443", true],
    ["127.0.0.1:4317", true, "dns:127.0.0.1:4317", false],
    ["[::1]:4317", true, "dns:[::1]:4317", false],
    ["unix:/run/otel.sock", false, "unix:/run/otel.sock", false],
    ["unix:///run/otel.sock", false, "unix:/run/otel.sock", false],
  ];
  for (const [endpoint, insecure, target, secure] of cases) {
    it(`${endpoint}${insecure ? " with tls.insecure" : ""} is ${target}, ${secure ? "TLS" : "plain"}`, () => {
      assert.deepEqual(parseGrpcEndpoint(endpoint, insecure), { target, secure });
    });
  }

  for (const endpoint of [
    "",
    "://",
    "ftp://host:21",
    "host:port",
    "http://host:4317/v1/traces",
    "host:1?a=b",
    "http://me@host:1",
    "unix:",
  ]) {
    it(`refuses "${endpoint}"`, () => {
      assert.equal(parseGrpcEndpoint(endpoint, false), undefined);
    });
  }
});
