import assert from "node:assert/strict";
import type { Doer } from "../../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../../support/host.ts";

const TGID = 800;

/** A program whose threads sleep in their reads and serve one request after the other. */
class Program {
  readonly host = new Host();

  thread(index: number): Doer {
    return { tgid: TGID, pid: TGID + index, isBlocking: true };
  }

  connection(): Link {
    return this.host.connect({ only: "server", clientAddress: "192.0.2.77" });
  }

  call(by: Doer, path: string): void {
    this.host.connect({ only: "client", serverPort: 9000 }).send(by, get(path)).clientReads(by, ok());
  }

  /** So many answers by the thread that had read the request, while another one was open. */
  prove(count = 12): void {
    const other = this.connection().serverReads(this.thread(90), get("/other"));
    for (let index = 0; index < count; index++)
      this.connection()
        .serverReads(this.thread(91), get(`/p${index}`))
        .answer(this.thread(91), ok())
        .close();
    other.answer(this.thread(90), ok()).close();
  }

  /** By the path of each call: that of its parent. */
  parents(): Record<string, string | undefined> {
    this.host.pass(1000);
    const spans = this.host.end();
    const paths = new Map(spans.map((span) => [span.spanId, attribute(span, "url.path")]));
    return Object.fromEntries(
      spans.flatMap((span) => {
        const url = attribute(span, "url.full");
        return url === undefined
          ? []
          : [[url.slice(url.lastIndexOf("/")), paths.get(span.parentSpanId ?? "")] as const];
      }),
    );
  }
}

describe("in_order: requests that one connection brings together", () => {
  it("are served one after the other by the threads that answer them, whichever has read them", () => {
    const program = new Program();
    program.prove();
    const [one, two] = [program.thread(1), program.thread(2)];
    program.connection().serverReads(two, get("/own")).answer(two, ok());
    const link = program.connection().serverReads(one, get("/a") + get("/b") + get("/c") + get("/d"));
    for (const [path, thread] of [
      ["/a", one],
      ["/b", two],
      ["/c", one],
      ["/d", two],
    ] as const) {
      program.call(thread, `${path}.1`);
      program.call(thread, `${path}.2`);
      link.answer(thread, ok());
    }
    assert.deepEqual(
      program.parents(),
      Object.fromEntries(["/a", "/b", "/c", "/d"].flatMap((path) => [1, 2].map((n) => [`${path}.${n}`, path]))),
    );
  });

  it("answers that go out together tell of nothing that was called before", () => {
    const program = new Program();
    program.prove();
    const one = program.thread(1);
    const link = program.connection().serverReads(one, get("/a") + get("/b") + get("/c"));
    program.call(one, "/x.1");
    link.answer(one, ok() + ok());
    program.call(one, "/y.1");
    link.answer(one, ok());
    assert.deepEqual(program.parents(), { "/x.1": undefined, "/y.1": "/c" });
  });

  it("nor do those between which the thread has read nothing: the second may have waited for the first", () => {
    const program = new Program();
    program.prove();
    const one = program.thread(1);
    const link = program.connection().serverReads(one, get("/a") + get("/b"));
    program.call(one, "/x.1");
    link.answer(one, ok()).answer(one, ok());
    assert.deepEqual(program.parents(), { "/x.1": undefined });
  });

  it("nor where threads call when they have answered", () => {
    const program = new Program();
    program.prove();
    const [one, two] = [program.thread(1), program.thread(2)];
    const own = program.connection().serverReads(two, get("/own")).answer(two, ok());
    program.connection().serverReads(program.thread(3), get("/open"));
    program.call(two, "/own.1");
    own.serverReads(two, get("/own2")).answer(two, ok());
    const link = program.connection().serverReads(one, get("/a") + get("/b"));
    link.answer(one, ok());
    program.call(two, "/own2.1");
    link.answer(two, ok());
    const found = program.parents();
    assert.equal(found["/own2.1"], undefined);
  });

  it("a thread for each connection does not go on for the one that it has answered when it is at the next", () => {
    const program = new Program();
    program.connection().serverReads(program.thread(9), get("/open"));
    const threads = [1, 2, 3].map((index) => ({ doer: program.thread(index), link: program.connection() }));
    for (let round = 0; round < 12; round++)
      for (const { doer, link } of threads) link.serverReads(doer, get(`/r${round}`)).answer(doer, ok());
    const { doer, link } = threads[0]!;
    link.serverReads(doer, get("/a") + get("/b"));
    program.call(doer, "/a.1");
    link.answer(doer, ok());
    program.call(doer, "/b.1");
    program.host.pass(1000);
    link.answer(doer, ok());
    const found = program.parents();
    assert.notEqual(found["/b.1"], "/a");
    assert.equal(found["/a.1"], "/a");
  });

  it("one thread is believed once it has shown 16 times that it makes one call after the other", () => {
    const program = new Program();
    const one = program.thread(1);
    const link = program.connection();
    for (let round = 0; round < 12; round++) {
      link.serverReads(one, get(`/a${round}`) + get(`/b${round}`));
      for (const name of ["a", "b"]) {
        program.call(one, `/${name}${round}.1`);
        link.answer(one, ok());
      }
      program.host.pass(200);
    }
    const found = program.parents();
    assert.equal(found["/b11.1"], "/b11");
    assert.equal(found["/a11.1"], "/a11");
    assert.equal(found["/b0.1"], undefined, "too early");
  });

  it("a loop that calls for several at a time is not", () => {
    const program = new Program();
    const loop = program.thread(1);
    const link = program.connection();
    for (let round = 0; round < 30; round++) {
      link.serverReads(loop, get(`/a${round}`) + get(`/b${round}`));
      const upstreams = ["a", "b"].map((name) =>
        program.host.connect({ only: "client", serverPort: 9000 }).send(loop, get(`/${name}${round}.1`)),
      );
      upstreams[1]!.clientReads(loop, ok());
      upstreams[0]!.clientReads(loop, ok());
      link.answer(loop, ok());
      link.answer(loop, ok());
    }
    assert.ok(Object.values(program.parents()).every((parent) => parent === undefined));
  });
});
