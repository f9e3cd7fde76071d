/** What the spans of one server are, counted: to be held against the server's own statistics. */
import assert from "node:assert/strict";
import { expectJoined } from "./expect-spans.ts";
import { CLIENT, SERVER, type TestSpan } from "./trace-file.ts";

export function textOf(span: TestSpan, key: string): string {
  return String(span.attributes.get(key) ?? "");
}

/** How many spans of a kind have each value of an attribute, in upper case. */
export function countBy(spans: readonly TestSpan[], kind: number, key: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const span of spans) {
    if (span.kind !== kind) continue;
    const value = textOf(span, key).toUpperCase();
    found.set(value, (found.get(value) ?? 0) + 1);
  }
  return found;
}

/** As many SERVER as CLIENT spans, each under the CLIENT span of its exchange. */
export function expectAllJoined(spans: readonly TestSpan[]): void {
  const clients = new Map(spans.filter(({ kind }) => kind === CLIENT).map((span) => [span.spanId, span]));
  const servers = spans.filter(({ kind }) => kind === SERVER);
  assert.equal(servers.length, clients.size, "SERVER spans, CLIENT spans");
  for (const server of servers) expectJoined(clients.get(server.parentSpanId) ?? server, server);
}
