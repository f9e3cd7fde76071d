import assert from "node:assert/strict";
import type { SdkSpans } from "../../../../src/mapping/join/evidence/instrumented.ts";
import { type Span, SpanKind } from "../../../../src/mapping/span.ts";
import { attribute, get, Host, type Link, ok } from "../../../support/host.ts";

const LIBRARY = { tgid: 500 };
const TRACE = "c".repeat(32);
const context = (spanId: string): string => `traceparent: 00-${TRACE}-${spanId}-01\r\n`;

const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "10.0.0.9" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });
const pathOf = (span: Span): string => attribute(span, "url.path", "url.full")?.replace(/^http:..[^/]*/, "") ?? "";

/** A request that comes with a span's id, and a call that goes out with another of the same trace. */
function serve(host: Host, name: string): void {
  const link = inbound(host).serverReads(LIBRARY, get(`/${name}`, context("a".repeat(16))));
  outbound(host)
    .send(LIBRARY, get(`/${name}.1`, context("b".repeat(16))))
    .clientReads(LIBRARY, ok());
  outbound(host)
    .send(LIBRARY, get(`/${name}.2`))
    .clientReads(LIBRARY, ok());
  link.answer(LIBRARY, ok());
}

function run(sdkSpans: SdkSpans | undefined): Span[] {
  const host = new Host(sdkSpans === undefined ? {} : { sdkSpans });
  serve(host, "first");
  serve(host, "second");
  return host.end().filter((span) => pathOf(span).startsWith("/second"));
}

describe("a process whose library makes spans", () => {
  it("gets no second SERVER span, and its calls hang on the library's", () => {
    const spans = run(undefined);
    assert.deepEqual(spans.map(pathOf).sort(), ["/second.1", "/second.2"]);
    const [withContext, without] = spans.sort((left, right) => pathOf(left).localeCompare(pathOf(right)));
    assert.equal(withContext?.parentSpanId, "b".repeat(16));
    assert.equal(without?.parentSpanId, "a".repeat(16), "the SERVER span that is not told gives its parent");
    assert.equal(without?.traceId, TRACE);
  });

  it("keeps all spans where it is told to", () => {
    assert.equal(run("keep").filter(({ kind }) => kind === SpanKind.server).length, 1);
  });

  it("loses its CLIENT spans too where it is told to", () => {
    assert.deepEqual(run("skip").map(pathOf), ["/second.2"]);
  });

  it("is known by its exports", () => {
    const host = new Host();
    outbound(host)
      .send(
        LIBRARY,
        "POST /v1/traces HTTP/1.1\r\nHost: c\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
      )
      .clientReads(LIBRARY, ok());
    inbound(host)
      .serverReads(LIBRARY, get("/x", context("a".repeat(16))))
      .answer(LIBRARY, ok());
    assert.equal(host.end().length, 0);
  });

  it("is not known by metrics that it exports, nor by a context that it passes on", () => {
    const host = new Host();
    outbound(host)
      .send(
        LIBRARY,
        "POST /v1/metrics HTTP/1.1\r\nHost: c\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
      )
      .clientReads(LIBRARY, ok());
    const link = inbound(host).serverReads(LIBRARY, get("/x", context("a".repeat(16))));
    outbound(host)
      .send(LIBRARY, get("/y", context("a".repeat(16))))
      .clientReads(LIBRARY, ok());
    link.answer(LIBRARY, ok());
    inbound(host).serverReads(LIBRARY, get("/z")).answer(LIBRARY, ok());
    assert.deepEqual(host.end().map(pathOf).sort(), ["/x", "/y", "/z"]);
  });
});

describe("a token that is passed on", () => {
  const ids = (value: string): string => `X-Request-Id: ${value}\r\n`;

  function calls(first: string, second: string): Span[] {
    const host = new Host();
    const links = [inbound(host), inbound(host)];
    links[0]!.serverReads(LIBRARY, get("/a", ids(first)));
    links[1]!.serverReads(LIBRARY, get("/b", ids(second)));
    const upstream = [outbound(host), outbound(host)];
    upstream[0]!.send(LIBRARY, get("/of-b", ids(second)));
    upstream[1]!.send(LIBRARY, get("/of-a", ids(first)));
    for (const link of upstream) link.clientReads(LIBRARY, ok());
    for (const link of links) link.answer(LIBRARY, ok());
    return host.end();
  }

  it("joins a call to the one request that came with it", () => {
    const spans = calls("1", "2");
    const find = (path: string): Span => spans.find((span) => pathOf(span) === path)!;
    for (const name of ["a", "b"]) {
      assert.equal(find(`/of-${name}`).parentSpanId, find(`/${name}`).spanId);
      assert.equal(attribute(find(`/of-${name}`), "sockspan.link.evidence"), "passed_on");
    }
  });

  it("joins nothing where two requests came with the same", () => {
    assert.ok(calls("1", "1").every((span) => attribute(span, "sockspan.link.evidence") !== "passed_on"));
  });
});
