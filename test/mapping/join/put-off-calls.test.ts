import assert from "node:assert/strict";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 910;
const LOOP: Doer = { tgid: TGID, pid: TGID };
/** More than what a difference costs and proof needs. */
const PLAIN_REQUESTS = 100;

/** A program with one event loop of which nothing but reads and writes is seen. */
class Loop {
  readonly host = new Host();
  readonly #upstream = this.outbound();

  outbound(): Link {
    return this.host.connect({ only: "client", serverPort: 9000 });
  }

  read(path: string): Link {
    return this.host.connect({ only: "server" }).serverReads(LOOP, get(path));
  }

  call(path: string, link = this.outbound()): Link {
    return link.send(LOOP, get(`${path}.1`));
  }

  /** What follows at once from what was read: the two witnesses agree. */
  plain(name: string, count = PLAIN_REQUESTS): void {
    for (let index = 0; index < count; index++) {
      const path = `/${name}${index}`;
      const link = this.read(path);
      this.call(path, this.#upstream).clientReads(LOOP, ok());
      link.answer(LOOP, ok());
    }
  }

  /** How many calls have the parent that their path names, and which have another one. */
  score(): { right: number; wrong: string[] } {
    const spans = this.host.end();
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const score = { right: 0, wrong: [] as string[] };
    for (const span of spans) {
      const url = attribute(span, "url.full");
      const parent = span.parentSpanId === undefined ? undefined : byId.get(span.parentSpanId);
      if (url === undefined || parent === undefined) continue;
      const path = attribute(parent, "url.path");
      if (url.endsWith(`${path}.1`)) score.right++;
      else score.wrong.push(`${url} under ${path}`);
    }
    return score;
  }
}

describe("what a loop has put off", () => {
  it("is not for the request that was read last before its connections were there", () => {
    const loop = new Loop();
    const paths = Array.from({ length: 16 }, (_, index) => `/r${index}`);
    const served = paths.map((path) => loop.read(path));
    const outbound = paths.map(() => {
      const link = loop.outbound();
      link.connecting(LOOP);
      return link;
    });
    for (const [index, path] of paths.entries()) loop.call(path, outbound[index]);
    for (const [index, link] of outbound.entries()) {
      link.clientReads(LOOP, ok());
      served[index]!.answer(LOOP, ok());
    }
    loop.plain("plain");
    assert.deepEqual(loop.score().wrong, []);
  });

  it("is not for the request that was read last before timers let it go on", () => {
    const loop = new Loop();
    const paths = Array.from({ length: 16 }, (_, index) => `/r${index}`);
    const served = paths.map((path) => loop.read(path));
    const outbound = paths.map((path) => loop.call(path));
    for (const link of outbound) link.clientReads(LOOP, ok());
    for (const link of served) link.answer(LOOP, ok());
    loop.plain("plain");
    assert.deepEqual(loop.score().wrong, []);
  });

  it("is not for a request whose call goes out beside it", () => {
    const loop = new Loop();
    loop.plain("before");
    const first = loop.read("/first");
    const second = loop.read("/second");
    const [a, b] = [loop.call("/first"), loop.call("/second")];
    a.clientReads(LOOP, ok());
    b.clientReads(LOOP, ok());
    second.answer(LOOP, ok());
    first.answer(LOOP, ok());
    loop.plain("behind");
    assert.deepEqual(loop.score().wrong, []);
  });

  it("costs calls that follow from a read nothing once it is answered", () => {
    const loop = new Loop();
    loop.read("/first").answer(LOOP, ok());
    loop.plain("plain");
    assert.ok(loop.score().right > PLAIN_REQUESTS - 16);
  });
});
