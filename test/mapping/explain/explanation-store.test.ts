import assert from "node:assert/strict";
import { ExplanationStore } from "../../../src/mapping/explain/explanation-store.ts";
import type { Span } from "../../../src/mapping/span.ts";
import { SpanKind } from "../../../src/mapping/span.ts";
import { get, Host, ok } from "../../support/host.ts";

const CURL = { tgid: 10, comm: "curl" };
const SERVER = { tgid: 20, pid: 21, comm: "server" };

describe("ExplanationStore", () => {
  it("says what each span of a trace was seen by, and which evidence chose its parent", () => {
    const { store, host } = explained(16);
    const [server, client] = exchange(host);
    const [ofServer, ofClient] = store.ofTrace(client.traceId);
    assert.equal(store.ofTrace(client.traceId).length, 2);
    assert.equal(ofServer?.kind, SpanKind.server);
    assert.equal(ofServer.spanId, server.spanId);
    assert.equal(ofServer.parentSpanId, client.spanId);
    assert.equal(ofServer.evidence, "exchange");
    assert.equal(ofServer.request.tgid, SERVER.tgid);
    assert.equal(ofServer.request.pid, SERVER.pid);
    assert.equal(ofServer.request.timeUnixNano, String(server.startTimeUnixNano));
    assert.equal(ofServer.answer?.timeUnixNano, String(server.endTimeUnixNano));
    assert.equal(ofServer.endUnixNano, String(server.endTimeUnixNano));
    assert.equal(ofClient?.parentSpanId, undefined);
    assert.equal(ofClient?.evidence, undefined);
    assert.equal(ofClient?.name, "GET");
    assert.deepEqual(ofClient?.candidates, []);
    assert.equal(ofClient?.isFirst, true);
  });

  it("keeps the last spans, each as it was", () => {
    const { store, host } = explained(3);
    const clients = ["/a", "/b", "/c"].map((path) => exchange(host, path)[1]);
    assert.equal(store.ofTrace(clients[0]!.traceId).length, 0);
    assert.deepEqual(
      store.ofTrace(clients[1]!.traceId).map(({ kind }) => kind),
      [SpanKind.client],
    );
    const [ofServer, ofClient] = store.ofTrace(clients[2]!.traceId);
    assert.equal(ofServer?.parentSpanId, clients[2]!.spanId);
    assert.equal(ofClient?.request.timeUnixNano, String(clients[2]!.startTimeUnixNano));
  });

  it("knows nothing of other traces", () => {
    const { store, host } = explained(3);
    exchange(host);
    assert.deepEqual(store.ofTrace("0".repeat(32)), []);
  });
});

function explained(maxSpans: number): { store: ExplanationStore; host: Host } {
  const store = new ExplanationStore(maxSpans);
  return { store, host: new Host({ left: store.add.bind(store) }) };
}

/** @returns the server's span and the client's */
function exchange(host: Host, path = "/a"): [server: Span, client: Span] {
  host.connect().request(CURL, SERVER, get(path)).respond(SERVER, CURL, ok("hello"));
  host.pass(0);
  const [server, client] = host.spans.slice(-2);
  assert.ok(server !== undefined && client !== undefined);
  return [server, client];
}
