import assert from "node:assert/strict";
import { UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 950;
const THREAD: Doer = { tgid: TGID, pid: TGID };
const task = (unitId: number): Doer => ({ tgid: TGID, pid: TGID, unitKind: UnitKind.tokioTask, unitId });

/** So many requests, each alone in its process, whose call is given up. */
function parentsOfGivenUp(count: number, reader: Doer, caller: Doer): (string | undefined)[] {
  const host = new Host();
  const paths: string[] = [];
  for (let index = 0; index < count; index++) {
    host.pass(200);
    const link: Link = host.connect({ only: "server" });
    const path = `/r${index}`;
    link.serverReads(reader, get(path));
    host.connect({ only: "client", serverPort: 9000 }).send(caller, get(`${path}.1`));
    paths.push(`${path}.1`);
    host.pass(150);
    link.answer(reader, ok());
  }
  host.pass(10_000);
  const spans = host.end();
  return paths.map((path) => {
    const call = spans.find((span) => attribute(span, "url.full")?.endsWith(path));
    assert.ok(call, path);
    const parent = spans.find(({ spanId }) => spanId === call.parentSpanId);
    return parent && attribute(parent, "url.path");
  });
}

describe("a request that is alone in its process", () => {
  it("has made what its thread has given up, once two have called there", () => {
    assert.deepEqual(parentsOfGivenUp(5, THREAD, THREAD), [undefined, undefined, "/r2", "/r3", "/r4"]);
  });

  /** Of the last of requests that two threads serve in turns, after so many calls of `keeper` while nothing was served. */
  function parentBehindKeeper(keeper: Doer): string | undefined {
    const host = new Host();
    const upstream = host.connect({ only: "client", serverPort: 9000 });
    const serve = (index: number) => {
      const reader = { tgid: TGID, pid: TGID + 1 + (index % 2) };
      host.pass(200);
      const link = host.connect({ only: "server" }).serverReads(reader, get(`/r${index}`));
      upstream.send(reader, get(`/r${index}.1`)).clientReads(reader, ok());
      link.answer(reader, ok());
    };
    serve(0);
    serve(1);
    for (let index = 0; index < 5; index++) {
      host.pass(200);
      upstream.send(keeper, get("/keep")).clientReads(keeper, ok());
    }
    for (let index = 2; index < 8; index++) serve(index);
    host.pass(10_000);
    const spans = host.end();
    const call = spans.find((span) => attribute(span, "url.full")?.endsWith("/r7.1"));
    const parent = spans.find(({ spanId }) => spanId === call?.parentSpanId);
    return parent && attribute(parent, "url.path");
  }

  it("has made what its thread has called, though a thread that serves nobody calls there too", () => {
    assert.equal(parentBehindKeeper({ tgid: TGID, pid: TGID + 9 }), "/r7");
  });

  it("has not, where threads that serve call there while they serve nothing", () => {
    assert.equal(parentBehindKeeper({ tgid: TGID, pid: TGID + 1 }), undefined);
  });

  /** Of a call that goes out while the last of three requests is alone; the second was answered `pauseMs` before that came. */
  function parentBehindBare(pauseMs: number, caller: Doer): string | undefined {
    const host = new Host();
    const upstream = host.connect({ only: "client", serverPort: 9000 });
    const serve = (path: string, hasCall: boolean) => {
      const link = host.connect({ only: "server" }).serverReads(THREAD, get(path));
      if (hasCall) upstream.send(caller, get(`${path}.1`)).clientReads(caller, ok());
      link.answer(THREAD, ok());
    };
    for (let index = 0; index < 5; index++) {
      host.pass(200);
      serve(`/r${index}`, true);
    }
    host.pass(200);
    serve("/bare", false);
    host.pass(pauseMs);
    serve("/last", true);
    host.pass(10_000);
    const spans = host.end();
    const call = spans.find((span) => attribute(span, "url.full")?.endsWith("/last.1"));
    const parent = spans.find(({ spanId }) => spanId === call?.parentSpanId);
    return parent && attribute(parent, "url.path");
  }

  it("may not have made what is called shortly after a request that made no call", () => {
    assert.equal(parentBehindBare(1, { tgid: TGID, pid: TGID + 1 }), undefined);
    assert.equal(parentBehindBare(200, { tgid: TGID, pid: TGID + 1 }), "/last");
  });

  it("has not made what is not over, where units are no threads", () => {
    assert.deepEqual(
      parentsOfGivenUp(5, task(1), task(2)).filter((path) => path !== undefined),
      [],
    );
  });
});
