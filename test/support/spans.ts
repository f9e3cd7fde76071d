import type { Resource, Span } from "../../src/mapping/span.ts";
import { SpanKind, StatusCode } from "../../src/mapping/span.ts";

/** A resource as a traced process has it. */
export function makeResource(serviceName = "shop"): Resource {
  return {
    attributes: [
      ["service.name", serviceName],
      ["service.instance.id", "6f2d0a4e9c1b4d7f"],
      ["process.pid", 4_242],
      ["process.executable.name", "node"],
      ["host.name", "test-host"],
    ],
  };
}

const defaultResource = makeResource();

/** A server span as HTTP makes it; `change` says what the test is about. */
export function makeSpan(change: Partial<Span> = {}): Span {
  return {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentSpanId: undefined,
    traceState: undefined,
    flags: 0x101,
    kind: SpanKind.server,
    name: "GET",
    startTimeUnixNano: 1_790_000_000_123_456_789n,
    endTimeUnixNano: 1_790_000_000_125_000_001n,
    attributes: [
      ["http.request.method", "GET"],
      ["url.path", "/index.html"],
      ["url.scheme", "http"],
      ["http.response.status_code", 200],
      ["server.address", "10.0.0.1"],
      ["server.port", 8_080],
      ["client.address", "10.0.0.2"],
      ["client.port", 43_210],
      ["network.protocol.version", "1.1"],
      ["network.peer.address", "10.0.0.2"],
      ["thread.id", 4_243],
      ["sockspan.link.evidence", "exchange"],
    ],
    events: [],
    links: [],
    status: StatusCode.unset,
    statusMessage: undefined,
    resource: defaultResource,
    ...change,
  };
}

/** Spans with different ids. */
export function makeSpans(count: number, change: Partial<Span> = {}): Span[] {
  return Array.from({ length: count }, (_, index) =>
    makeSpan({ spanId: (index + 1).toString(16).padStart(16, "0"), ...change }),
  );
}
