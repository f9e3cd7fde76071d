import assert from "node:assert/strict";
import { EventFlags } from "../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 500;
const SLEEPS = { flags: EventFlags.blocking };

const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });
const thread = (pid: number): Doer => ({ tgid: TGID, pid });

interface Way {
  /** Of the read of the call's answer. */
  readonly flags?: number;
  /** Of the read of the request. */
  readonly readFlags?: number;
  /** Who answers what the thread with this number has read. */
  readonly answeredBy?: (index: number) => number;
}

/** The first requests of a program: so many at once, each read by a thread that calls, and answered. */
function firstRequests(host: Host, count: number, { flags, readFlags, answeredBy = (index) => index }: Way): void {
  const options = flags === undefined ? {} : { flags };
  const links = Array.from({ length: count }, (_, index) =>
    inbound(host).serverReads(
      thread(11 + index),
      get(`/r${index}`),
      readFlags === undefined ? {} : { flags: readFlags },
    ),
  );
  const calls = links.map((_, index) => outbound(host).send(thread(11 + index), get(`/r${index}.1`)));
  for (const [index, call] of calls.entries()) call.clientReads(thread(11 + index), ok(), options);
  for (const [index, link] of links.entries()) link.answer(thread(11 + answeredBy(index)), ok());
  host.pass(600);
}

function parents(host: Host): readonly (string | undefined)[] {
  const spans = host.end();
  const find = (path: string) => spans.find((span) => attribute(span, "url.path", "url.full")?.endsWith(path))!;
  const calls = spans.filter((span) => attribute(span, "url.full")?.endsWith(".1"));
  return calls.map((span) => {
    if (span.parentSpanId === undefined) return undefined;
    assert.equal(attribute(span, "sockspan.link.evidence"), "thread");
    const [path = ""] = /\/r\d+/.exec(attribute(span, "url.full")!) ?? [];
    assert.equal(span.parentSpanId, find(path).spanId);
    return path;
  });
}

describe("threads that sleep until their calls are answered", () => {
  it("call for what they have read, in the first requests of a program already", () => {
    const host = new Host();
    firstRequests(host, 5, SLEEPS);
    assert.equal(parents(host).filter((parent) => parent !== undefined).length, 5);
  });

  it("are not believed where few of them have shown it", () => {
    const host = new Host();
    firstRequests(host, 4, SLEEPS);
    assert.deepEqual(parents(host), [undefined, undefined, undefined, undefined]);
  });

  it("are not believed where they do not sleep, or wait for their clients in epoll", () => {
    for (const way of [{}, { ...SLEEPS, readFlags: EventFlags.watched }]) {
      const host = new Host();
      firstRequests(host, 5, way);
      assert.deepEqual(new Set(parents(host)), new Set([undefined]));
    }
  });

  it("are not believed where one has answered what another had read", () => {
    const host = new Host();
    firstRequests(host, 5, SLEEPS);
    firstRequests(host, 2, { answeredBy: (index) => 1 - index });
    const host2 = new Host();
    firstRequests(host2, 7, { ...SLEEPS, answeredBy: (index) => (index < 5 ? index : 11 - index) });
    assert.deepEqual(new Set(parents(host2)), new Set([undefined]));
  });
});
