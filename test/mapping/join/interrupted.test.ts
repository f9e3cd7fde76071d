/** Capture was paused: what was being served may be answered, and what is served now may not be known. */
import assert from "node:assert/strict";
import type { Span } from "../../../src/mapping/span.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });
const spanAt = (host: Host, path: string): Span =>
  host.spans.find((span) => attribute(span, "url.path", "url.full")?.endsWith(path))!;
const goroutine = (id: number): Doer => ({ tgid: 500, pid: 501, coroutineId: id });
const thread: Doer = { tgid: 600, pid: 601 };

describe("a stretch of which no call is told", () => {
  for (const [name, doer] of [
    ["goroutine", goroutine(7)],
    ["thread", thread],
  ] as const) {
    it(`ends what a ${name} serves: what it calls next is for nobody that is known`, () => {
      const host = new Host();
      const link = inbound(host).serverReads(doer, get("/before"));
      host.engine.interrupted(host.nowNs);
      outbound(host).send(doer, get("/after.1")).clientReads(doer, ok());
      link.answer(doer, ok());
      host.end();
      assert.equal(spanAt(host, "/after.1").parentSpanId, undefined);
    });
  }

  it("leaves sure evidence to what is read behind it", () => {
    const host = new Host();
    inbound(host).serverReads(goroutine(7), get("/before"));
    host.engine.interrupted(host.nowNs);
    const link = inbound(host).serverReads(goroutine(8), get("/in"));
    outbound(host).send(goroutine(8), get("/in.1")).clientReads(goroutine(8), ok());
    link.answer(goroutine(8), ok());
    host.end();
    assert.equal(spanAt(host, "/in.1").parentSpanId, spanAt(host, "/in").spanId);
  });
});
