/** What is true of the spans of an exchange, checked against what the test knows by itself. */
import assert from "node:assert/strict";
import type { Exchange } from "./http-client.ts";
import { CLIENT, SERVER, type TestSpan } from "./trace-file.ts";

/** The kernel's and the test's clocks are read at different moments, and the offset between them drifts. */
const CLOCK_TOLERANCE_NS = 2_000_000n;

export interface Ends {
  readonly serverPort: number;
  readonly clientPid?: number;
  readonly serverPid?: number;
}

/** Spans of both kinds whose server listens on the port. */
export function spansOfPort(spans: readonly TestSpan[], port: number): TestSpan[] {
  return spans.filter((span) => span.attributes.get("server.port") === port);
}

/** The request's path: url.path on servers, the path of url.full on clients. */
export function pathOf(span: TestSpan): string {
  const path = span.attributes.get("url.path");
  if (typeof path === "string") return path;
  const full = span.attributes.get("url.full");
  return typeof full === "string" ? new URL(full).pathname : "";
}

/** Exactly one CLIENT and one SERVER span for each exchange and no others, true in every attribute, and joined. */
export function expectPairs(spans: readonly TestSpan[], exchanges: readonly Exchange[], ends: Ends): void {
  const ofPort = spansOfPort(spans, ends.serverPort);
  const byPath = groupByPath(ofPort);
  const counts = exchanges.map(({ path }) => countKinds(byPath.get(path) ?? []));
  const wrong = exchanges
    .map(({ path }, index) => ({ path, ...counts[index] }))
    .filter((c) => c.client !== 1 || c.server !== 1);
  assert.deepEqual(
    wrong.slice(0, 10),
    [],
    `${wrong.length} of ${exchanges.length} exchanges have not exactly their two spans`,
  );
  assert.equal(ofPort.length, exchanges.length * 2, "spans that belong to no exchange");
  for (const exchange of exchanges) {
    const [client, server] = pairOf(byPath.get(exchange.path) ?? []);
    expectTruth(client, exchange, ends);
    expectTruth(server, exchange, ends);
    expectJoined(client, server);
    if (ends.clientPid !== undefined) assert.equal(client.resource.get("process.pid"), ends.clientPid);
    if (ends.serverPid !== undefined) assert.equal(server.resource.get("process.pid"), ends.serverPid);
  }
}

export function expectTruth(span: TestSpan, exchange: Exchange, ends: Ends): void {
  const { attributes } = span;
  assert.equal(attributes.get("http.request.method"), exchange.method);
  assert.equal(attributes.get("http.response.status_code"), exchange.status);
  assert.equal(attributes.get("server.port"), ends.serverPort);
  assert.equal(attributes.get("server.address"), "127.0.0.1");
  const full = attributes.get("url.full");
  if (span.kind === SERVER) assert.equal(attributes.get("url.path"), exchange.path);
  else assert.equal(full, `http://127.0.0.1:${ends.serverPort}${exchange.path}`);
  if (exchange.localPort !== 0 && span.kind === SERVER) {
    assert.equal(attributes.get("network.peer.port") ?? attributes.get("client.port"), exchange.localPort);
  }
  assert.ok(span.startNs <= span.endNs, "ends before it starts");
  assert.ok(span.startNs >= exchange.beforeNs - CLOCK_TOLERANCE_NS, `starts too early: ${exchange.path}`);
  assert.ok(span.endNs <= exchange.afterNs + CLOCK_TOLERANCE_NS, `ends too late: ${exchange.path}`);
  assert.equal(span.status === 2, exchange.status >= (span.kind === SERVER ? 500 : 400), "status");
  assert.equal(span.scope, "sockspan");
  assert.ok(String(span.resource.get("service.name") ?? "") !== "", "service.name");
  assert.ok(String(span.resource.get("process.executable.name") ?? "") !== "", "process.executable.name");
}

/** SERVER.parent = CLIENT, in one trace. */
export function expectJoined(client: TestSpan, server: TestSpan): void {
  assert.equal(server.parentSpanId, client.spanId, `SERVER is no child of its CLIENT: ${pathOf(server)}`);
  assert.equal(server.traceId, client.traceId);
}

export function pairOf(spans: readonly TestSpan[]): [TestSpan, TestSpan] {
  const client = spans.find(({ kind }) => kind === CLIENT);
  const server = spans.find(({ kind }) => kind === SERVER);
  assert.ok(client, "no CLIENT span");
  assert.ok(server, "no SERVER span");
  return [client, server];
}

function countKinds(spans: readonly TestSpan[]): { client: number; server: number } {
  return {
    client: spans.filter(({ kind }) => kind === CLIENT).length,
    server: spans.filter(({ kind }) => kind === SERVER).length,
  };
}

function groupByPath(spans: readonly TestSpan[]): Map<string, TestSpan[]> {
  const groups = new Map<string, TestSpan[]>();
  for (const span of spans) {
    const path = pathOf(span);
    const group = groups.get(path);
    if (group) group.push(span);
    else groups.set(path, [span]);
  }
  return groups;
}
