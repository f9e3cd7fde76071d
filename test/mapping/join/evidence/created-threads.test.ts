import assert from "node:assert/strict";
import { EventKind, UnitEdge, UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Span } from "../../../../src/mapping/span.ts";
import type { Doer } from "../../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../../support/host.ts";

const TGID = 500;

const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });
const thread = (pid: number, over: Partial<Doer> = {}): Doer => ({ tgid: TGID, pid, ...over });
const find = (host: Host, path: string): Span =>
  host.spans.find((span) => attribute(span, "url.path", "url.full")?.endsWith(path))!;

function tell(host: Host, edge: UnitEdge, pid: number, toId: number, unitKind = 0, fromId = 0): void {
  host.engine.unitEdge({
    header: { kind: EventKind.unitEdge, length: 0, timestampNs: host.nowNs, tgid: TGID, pid },
    fromId,
    toId,
    fromCreation: 0,
    work: 0,
    edge,
    unitKind,
  });
}

const create = (host: Host, creator: number, created: number): void =>
  tell(host, UnitEdge.createsThread, creator, created);
const end = (host: Host, pid: number): void => tell(host, UnitEdge.threadEnds, pid, pid);

function call(host: Host, pid: number, path: string): void {
  outbound(host).send(thread(pid), get(path)).clientReads(thread(pid), ok());
}

/** Two requests at once, so that nothing is joined because it is alone. */
function twoRequests(host: Host): readonly [Link, Link] {
  return [inbound(host).serverReads(thread(11), get("/a")), inbound(host).serverReads(thread(12), get("/b"))];
}

function assertParent(host: Host, path: string, parent: string | undefined): void {
  const span = find(host, path);
  assert.equal(span.parentSpanId, parent === undefined ? undefined : find(host, parent).spanId, path);
  if (parent !== undefined) assert.equal(attribute(span, "sockspan.link.evidence"), "creator");
}

describe("created threads", () => {
  it("call for the request that their creator served, also through others, if they end with it", () => {
    const host = new Host();
    const [a, b] = twoRequests(host);
    create(host, 11, 21);
    create(host, 12, 22);
    create(host, 22, 23);
    call(host, 22, "/b.1");
    call(host, 21, "/a.1");
    call(host, 21, "/a.2");
    call(host, 23, "/b.2");
    for (const pid of [21, 23]) end(host, pid);
    b.answer(thread(12), ok());
    a.answer(thread(11), ok());
    // It was waited for, but the kernel has not taken it down yet.
    host.pass(100);
    end(host, 22);
    host.end();
    for (const name of ["/a.1", "/a.2"]) assertParent(host, name, "/a");
    for (const name of ["/b.1", "/b.2"]) assertParent(host, name, "/b");
  });

  it("that a pool's thread has made for other requests are not those of the request that has made the pool's", () => {
    const host = new Host();
    const [a, b] = twoRequests(host);
    create(host, 11, 21);
    create(host, 21, 22);
    call(host, 22, "/b.1");
    end(host, 22);
    a.answer(thread(11), ok());
    create(host, 21, 23);
    call(host, 23, "/b.2");
    end(host, 23);
    b.answer(thread(12), ok());
    host.pass(3000);
    end(host, 21);
    host.end();
    for (const path of ["/b.1", "/b.2"]) assertParent(host, path, undefined);
  });

  it("of a pool's thread are nobody's, also where the program ends soon behind the request that has made the pool's", () => {
    const host = new Host();
    const [a, b] = twoRequests(host);
    for (const pid of [21, 31]) create(host, 11, pid);
    create(host, 31, 32);
    call(host, 32, "/b.0");
    end(host, 32);
    a.answer(thread(11), ok());
    create(host, 21, 22);
    call(host, 22, "/b.1");
    end(host, 22);
    b.answer(thread(12), ok());
    for (const pid of [21, 31]) end(host, pid);
    host.end();
    for (const path of ["/b.0", "/b.1"]) assertParent(host, path, undefined);
  });

  it("wait for the end of the one that has made them, unless that is over", () => {
    const host = new Host();
    const [a, b] = twoRequests(host);
    create(host, 11, 21);
    create(host, 21, 22);
    create(host, 21, 23);
    call(host, 22, "/a.1");
    end(host, 22);
    a.answer(thread(11), ok());
    end(host, 21);
    call(host, 23, "/a.2");
    b.answer(thread(12), ok());
    end(host, 23);
    host.end();
    assertParent(host, "/a.1", "/a");
    // Behind the answer: may be a pool's.
    assertParent(host, "/a.2", undefined);
  });

  it("are told by the unit that created them, where the thread carries several", () => {
    const host = new Host();
    const virtual = (unitId: number): Doer => thread(11, { unitKind: UnitKind.jvmVirtualThread, unitId });
    const a = inbound(host).serverReads(virtual(1), get("/a"));
    const b = inbound(host).serverReads(virtual(2), get("/b"));
    tell(host, UnitEdge.createsThread, 11, 21, UnitKind.jvmVirtualThread, 1);
    call(host, 21, "/a.1");
    end(host, 21);
    a.answer(virtual(1), ok());
    b.answer(virtual(2), ok());
    host.end();
    assertParent(host, "/a.1", "/a");
  });

  it("say nothing where they live on: they may be a pool's", () => {
    const host = new Host();
    const [a, b] = twoRequests(host);
    create(host, 11, 21);
    call(host, 21, "/a.1");
    a.answer(thread(11), ok());
    call(host, 21, "/b.1");
    end(host, 21);
    b.answer(thread(12), ok());
    host.end();
    assertParent(host, "/a.1", undefined);
    assertParent(host, "/b.1", undefined);
  });

  it("that were created behind the answer call for it, if they end", () => {
    const host = new Host();
    const virtual = (unitId: number): Doer => thread(11, { unitKind: UnitKind.jvmVirtualThread, unitId });
    const a = inbound(host).serverReads(virtual(1), get("/a"));
    a.answer(virtual(1), ok());
    for (const pid of [21, 22]) tell(host, UnitEdge.createsThread, 11, pid, UnitKind.jvmVirtualThread, 1);
    call(host, 21, "/a.1");
    call(host, 22, "/x.1");
    end(host, 21);
    host.pass(3000);
    end(host, 22);
    host.end();
    assertParent(host, "/a.1", "/a");
    assertParent(host, "/x.1", undefined);
  });

  it("of which one has served another request are believed for a while if they make one call", () => {
    const host = new Host();
    const [a, b] = twoRequests(host);
    create(host, 11, 21);
    create(host, 12, 22);
    create(host, 12, 23);
    call(host, 21, "/a.1");
    a.answer(thread(11), ok());
    call(host, 21, "/b.1");
    for (const path of ["/b.2", "/b.3"]) call(host, 22, path);
    call(host, 23, "/b.4");
    for (const pid of [22, 23]) end(host, pid);
    b.answer(thread(12), ok());
    host.end();
    for (const path of ["/b.2", "/b.3"]) assertParent(host, path, undefined);
    assertParent(host, "/b.4", "/b");
  });

  it("say nothing where they end long after the request", () => {
    const host = new Host();
    const [a, b] = twoRequests(host);
    create(host, 11, 21);
    call(host, 21, "/a.1");
    a.answer(thread(11), ok());
    b.answer(thread(12), ok());
    host.pass(3000);
    end(host, 21);
    host.end();
    assertParent(host, "/a.1", undefined);
  });

  it("say nothing where their creator serves nothing, or several requests, or they serve one themselves", () => {
    const host = new Host();
    const [a, b] = twoRequests(host);
    const other = inbound(host).serverReads(thread(12), get("/c"));
    create(host, 10, 20);
    create(host, 12, 22);
    create(host, 11, 24);
    inbound(host).serverReads(thread(24), get("/d"));
    for (const pid of [20, 22]) {
      call(host, pid, `/${pid}.1`);
      end(host, pid);
    }
    call(host, 24, "/d.1");
    end(host, 24);
    a.answer(thread(11), ok());
    b.answer(thread(12), ok());
    other.answer(thread(12), ok());
    host.end();
    for (const name of ["/20.1", "/22.1", "/d.1"]) assertParent(host, name, undefined);
  });

  it("whose pid comes back are other ones", () => {
    const host = new Host();
    const [a, b] = twoRequests(host);
    create(host, 11, 21);
    // Its end was lost.
    create(host, 10, 21);
    call(host, 21, "/x.1");
    end(host, 21);
    a.answer(thread(11), ok());
    b.answer(thread(12), ok());
    host.end();
    assertParent(host, "/x.1", undefined);
  });
});

describe("threads that are created while requests wait behind one another", () => {
  const JOB = 0x7f20_0000;
  const job = (index: number): Doer =>
    thread(11 + index, { unitKind: UnitKind.pythonJob, unitId: JOB + index * 64, isBlocking: true });
  const spawn = (host: Host, by: number, created: number): void =>
    tell(host, UnitEdge.createsThread, 11 + by, created, UnitKind.pythonJob, JOB + by * 64);

  /** A thread for each connection, which creates one for each request and waits for it, or goes on with it. */
  function serve(host: Host, prefix: string, pipelined: number, style: "waits" | "goes_on" | "keeps_back"): void {
    const links = [0, 1].map((index) => {
      const paths = Array.from({ length: pipelined }, (_, turn) => `/${prefix}.${index}.${turn}`);
      return inbound(host).serverReads(job(index), paths.map((path) => get(path)).join(""));
    });
    for (let turn = 0; turn < pipelined; turn++) {
      for (const [index, link] of links.entries()) {
        const created = 100 + index;
        const answer = (): void => {
          if (style !== "keeps_back") link.answer(job(index), ok());
          else if (turn === pipelined - 1) link.answer(job(index), ok().repeat(pipelined));
        };
        if (style === "goes_on") answer();
        spawn(host, index, created);
        call(host, created, `/${prefix}.${index}.${turn}.1`);
        end(host, created);
        if (style !== "goes_on") answer();
      }
    }
    host.pass(1);
  }

  /** @returns how many have their parent; none has another one */
  const right = (host: Host): number => {
    host.pass(5000);
    host.end();
    let count = 0;
    for (const span of host.spans) {
      const path = /\/(p\d*\.\d\.\d)\.1$/.exec(attribute(span, "url.full") ?? "")?.[1];
      const parent = path && host.spans.find(({ spanId }) => spanId === span.parentSpanId);
      if (!parent) continue;
      assert.equal(attribute(parent, "url.path"), `/${path}`, attribute(span, "sockspan.link.evidence"));
      count++;
    }
    return count;
  };

  it("are not another one's", () => {
    for (const style of ["waits", "goes_on", "keeps_back"] as const) {
      const host = new Host();
      for (let round = 0; round < 4; round++) serve(host, `a${round}`, 1, "waits");
      for (let round = 0; round < 4; round++) serve(host, `p${round}`, 4, style);
      assert.ok(right(host) >= (style === "waits" ? 8 : 0));
    }
  });
});
