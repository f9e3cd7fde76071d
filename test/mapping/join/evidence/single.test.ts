import assert from "node:assert/strict";
import { UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../../support/host.ts";

const TGID = 950;
const THREAD: Doer = { tgid: TGID, pid: TGID };
const WORKER: Doer = { tgid: TGID, pid: TGID + 1 };
const FILLER: Doer = { tgid: TGID, pid: TGID + 2 };
const task = (unitId: number): Doer => ({ tgid: TGID, pid: TGID, unitKind: UnitKind.tokioTask, unitId });

/** A frame of PostgreSQL; "": a connection's first. */
function frame(type: string, body: string): string {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return type + length.toString("latin1") + body;
}

const READY = frame("Z", "I");

function database(host: Host): Link {
  return host.connect({ only: "client", serverPort: 5432 });
}

function signIn(link: Link, by: Doer): void {
  link.send(by, frame("", "\0\x03\0\0user\0app\0\0")).clientReads(by, frame("R", "\0\0\0\0") + READY);
}

function say(link: Link, by: Doer, statement: string): void {
  link.send(by, frame("Q", `${statement}\0`)).clientReads(by, frame("C", `${statement.split(" ")[0]}\0`) + READY);
}

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

  /** Whose the statements are, in their order, that others say to a database while five requests are alone, but the first of all. */
  function parentsOfStatements(last: (host: Host, pooled: Link) => void, before?: (host: Host) => void) {
    const host = new Host();
    const pooled = database(host);
    before?.(host);
    for (let index = 0; index < 5; index++) {
      host.pass(200);
      const link = host.connect({ only: "server" }).serverReads(THREAD, get(`/r${index}`));
      if (index < 4) say(pooled, WORKER, `SELECT ${index}`);
      else last(host, pooled);
      link.answer(THREAD, ok());
    }
    host.pass(10_000);
    const spans = host.end();
    return spans
      .filter((span) => attribute(span, "db.query.text") !== undefined)
      .sort((a, b) => Number(a.startTimeUnixNano - b.startTimeUnixNano))
      .map(({ parentSpanId }) => spans.find(({ spanId }) => spanId === parentSpanId))
      .map((parent) => parent && attribute(parent, "url.path"));
  }

  /** A further connection, to which `by` signs in, and which it prepares for others. */
  function fill(host: Host, by: Doer): void {
    const link = database(host);
    signIn(link, by);
    say(link, by, "SET x = 1");
    say(link, by, "SET y = 2");
  }

  it("has not made what a thread that serves nobody says on a connection to which it has signed in", () => {
    const asked = parentsOfStatements((host) => fill(host, FILLER));
    assert.deepEqual(asked, ["/r0", "/r1", "/r2", "/r3", undefined, undefined]);
  });

  it("has made what others ask beside that, though a pool is filled while nothing is served", () => {
    const asked = parentsOfStatements(
      (host, pooled) => {
        fill(host, FILLER);
        say(pooled, WORKER, "SELECT 4");
      },
      (host) => fill(host, FILLER),
    );
    assert.deepEqual(asked, [undefined, undefined, "/r0", "/r1", "/r2", "/r3", undefined, undefined, "/r4"]);
  });

  it("has not made what a thread asks that serves nobody and has prepared a connection while nothing was served", () => {
    const asked = parentsOfStatements(
      (_, pooled) => say(pooled, FILLER, "SELECT 4"),
      (host) => fill(host, FILLER),
    );
    assert.deepEqual(asked, [undefined, undefined, "/r0", "/r1", "/r2", "/r3", undefined]);
  });

  it("has made what a loop says for others on a connection to which it has signed in", () => {
    const asked = parentsOfStatements((host) => fill(host, { ...FILLER, isWatched: true }));
    assert.deepEqual(asked, ["/r0", "/r1", "/r2", "/r3", "/r4", "/r4"]);
  });

  it("has made it where a thread prepares a connection that also asks on those of others, or reads requests", () => {
    for (const by of [WORKER, THREAD]) {
      const asked = parentsOfStatements((host) => fill(host, by));
      assert.deepEqual(asked, ["/r0", "/r1", "/r2", "/r3", "/r4", "/r4"]);
    }
  });

  it("has not made what is not over, where units are no threads", () => {
    assert.deepEqual(
      parentsOfGivenUp(5, task(1), task(2)).filter((path) => path !== undefined),
      [],
    );
  });
});
