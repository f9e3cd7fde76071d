import assert from "node:assert/strict";
import { EventKind, UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../../support/host.ts";

const TGID = 500;
const SELECTOR: Doer = { tgid: TGID, pid: 510 };
const worker = (index: number): Doer => ({ tgid: TGID, pid: 520 + index });
const front = (index: number): Doer => ({ tgid: TGID, pid: 530 + index, isBlocking: true });

const inbound = (host: Host): Link => host.connect({ only: "server", clientAddress: "192.0.2.77" });
const outbound = (host: Host): Link => host.connect({ only: "client", serverPort: 9000 });

/** @param ranNs when the woken thread ran last; undefined: long before */
function wake(host: Host, waker: Doer, woken: Doer, ranNs = 1): void {
  host.nowNs += 10_000;
  host.engine.wake({
    header: { kind: EventKind.wake, length: 48, timestampNs: host.nowNs, tgid: TGID, pid: waker.pid! },
    woken: woken.pid!,
    hops: 1,
    wakerRanNs: host.nowNs - 5_000,
    wokenRanNs: ranNs,
  });
}

/** Two requests are served, each by a thread that waits for an HTTP client's threads. */
function twoRequests(host: Host): { links: Link[]; calls: Link[] } {
  // So that wake-ups of this process are known to be told.
  wake(host, worker(0), worker(1));
  const links = [inbound(host), inbound(host)];
  const calls = [outbound(host), outbound(host)];
  links.forEach((link, index) => {
    link.serverReads(front(index), get(`/in${index}`));
  });
  calls.forEach((call, index) => {
    call.send(worker(2 + index), get(`/out${index}`));
  });
  return { links, calls };
}

function parents(host: Host): (string | undefined)[] {
  host.end();
  const byId = new Map(host.spans.map((span) => [span.spanId, attribute(span, "url.path")]));
  return [0, 1].map((index) => {
    const call = host.spans.find((span) => attribute(span, "url.full")?.endsWith(`/out${index}`));
    return call?.parentSpanId === undefined ? undefined : byId.get(call.parentSpanId);
  });
}

describe("wakes", () => {
  it("join a call to the thread that slept until its answer was read", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    for (const index of [1, 0]) {
      calls[index]!.clientReads(SELECTOR, ok());
      wake(host, SELECTOR, worker(index));
    }
    for (const index of [0, 1]) wake(host, worker(index), front(index));
    links.forEach((link, index) => {
      link.answer(front(index), ok());
    });
    assert.deepEqual(parents(host), ["/in0", "/in1"]);
    assert.equal(attribute(host.spans.find(({ kind }) => kind === 3)!, "sockspan.link.evidence"), "wake");
  });

  it("say nothing of a thread that has run since: it waited for a lock", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    calls[0]!.clientReads(SELECTOR, ok());
    wake(host, SELECTOR, worker(0));
    wake(host, worker(0), front(1), host.nowNs - 8_000);
    wake(host, worker(0), front(0));
    links[1]!.answer(front(1), ok());
    links[0]!.answer(front(0), ok());
    assert.deepEqual(parents(host), ["/in0", undefined]);
  });

  it("say nothing of a call that woke the servers of two requests, whichever is answered first", () => {
    for (const first of [0, 1]) {
      const host = new Host();
      const { links, calls } = twoRequests(host);
      calls[0]!.clientReads(SELECTOR, ok());
      wake(host, SELECTOR, worker(0));
      wake(host, worker(0), front(0));
      wake(host, worker(0), front(1));
      links[first]!.answer(front(first), ok());
      links[1 - first]!.answer(front(1 - first), ok());
      assert.deepEqual(parents(host), [undefined, undefined]);
    }
  });

  it("take only the first thread that a reader wakes for the one that goes on with what was read", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    calls[0]!.clientReads(SELECTOR, ok());
    wake(host, SELECTOR, worker(0));
    wake(host, SELECTOR, worker(1));
    wake(host, worker(1), front(1));
    wake(host, worker(0), front(0));
    links[1]!.answer(front(1), ok());
    links[0]!.answer(front(0), ok());
    assert.deepEqual(parents(host), ["/in0", undefined]);
  });

  it("say nothing where the thread of another request has handed the call over", () => {
    const host = new Host();
    wake(host, worker(0), worker(1));
    const links = [inbound(host), inbound(host)];
    for (const index of [0, 1]) links[index]!.serverReads(front(index), get(`/in${index}`));
    wake(host, front(1), worker(2));
    const call = outbound(host).send(worker(2), get("/out0")).clientReads(worker(2), ok());
    wake(host, worker(2), front(0));
    for (const index of [0, 1]) links[index]!.answer(front(index), ok());
    assert.ok(call !== undefined);
    assert.deepEqual(parents(host), [undefined, undefined]);
  });

  it("say nothing where the thread that made the call serves a request itself", () => {
    const host = new Host();
    wake(host, worker(0), worker(1));
    const links = [inbound(host), inbound(host)];
    for (const index of [0, 1]) links[index]!.serverReads(front(index), get(`/in${index}`));
    outbound(host).send(front(1), get("/out0")).clientReads(front(1), ok());
    wake(host, front(1), front(0));
    links[0]!.answer(front(0), ok());
    host.end();
    const call = host.spans.find((each) => attribute(each, "url.full")?.endsWith("/out0"));
    assert.equal(call?.parentSpanId, undefined);
  });

  it("are believed where most answers wake nobody only if the call was handed over by who is woken", () => {
    for (const isHandedOver of [false, true]) {
      const host = new Host();
      const { links, calls } = twoRequests(host);
      for (let index = 0; index < 20; index++) {
        outbound(host)
          .send(worker(9), get(`/other${index}`))
          .clientReads(worker(9), ok());
      }
      if (isHandedOver) wake(host, front(0), worker(5));
      const call = isHandedOver ? outbound(host).send(worker(5), get("/out9")) : calls[0]!;
      call.clientReads(SELECTOR, ok());
      wake(host, SELECTOR, worker(0));
      wake(host, worker(0), front(0));
      links[0]!.answer(front(0), ok());
      host.end();
      const span = host.spans.find((each) => attribute(each, "url.full")?.endsWith(isHandedOver ? "/out9" : "/out0"));
      assert.equal(span?.parentSpanId !== undefined, isHandedOver);
    }
  });

  it("say nothing of a worker that was woken for one answer while it was at another", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    for (const index of [0, 1]) {
      calls[index]!.clientReads(SELECTOR, ok());
      wake(host, SELECTOR, worker(0));
    }
    wake(host, worker(0), front(0));
    for (const index of [0, 1]) links[index]!.answer(front(index), ok());
    assert.deepEqual(parents(host), [undefined, undefined]);
  });

  it("say nothing of a thread that carries virtual threads", () => {
    const host = new Host();
    wake(host, worker(0), worker(1));
    const on = (unitId: number): Doer => ({ ...front(0), unitKind: UnitKind.jvmVirtualThread, unitId });
    const links = [inbound(host), inbound(host)];
    links[0]!.serverReads(on(31), get("/in0"));
    links[1]!.serverReads(on(32), get("/in1"));
    const call = outbound(host).send(worker(2), get("/out0"));
    call.clientReads(SELECTOR, ok());
    wake(host, SELECTOR, front(0));
    links[1]!.answer(on(32), ok());
    links[0]!.answer(on(31), ok());
    assert.deepEqual(parents(host), [undefined, undefined]);
  });

  it("that come twice, late or never make no wrong parent", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    calls[0]!.clientReads(SELECTOR, ok());
    calls[1]!.clientReads(SELECTOR, ok());
    // The wake for the first answer is lost; the second one's comes twice, and once more after its request.
    wake(host, SELECTOR, worker(1));
    wake(host, worker(1), front(1));
    wake(host, worker(1), front(1));
    for (const index of [1, 0]) links[index]!.answer(front(index), ok());
    wake(host, worker(1), front(1));
    wake(host, worker(1), front(0));
    assert.deepEqual(parents(host), [undefined, "/in1"]);
  });

  /** A request whose thread makes one call after the other. @param between what happens when each is over */
  function sequence(between: (host: Host) => void = () => {}): (string | undefined)[] {
    const host = new Host();
    wake(host, worker(0), worker(1));
    const [link, call] = [inbound(host), outbound(host)];
    inbound(host).serverReads(front(1), get("/beside"));
    link.serverReads(front(0), get("/in0"));
    for (const index of [0, 1]) {
      call.send(worker(2), get(`/out${index}`)).clientReads(SELECTOR, ok());
      wake(host, SELECTOR, worker(0));
      wake(host, worker(0), front(0));
      between(host);
    }
    link.answer(front(0), ok());
    return parents(host);
  }

  it("join each of the calls that a thread waits for, one after the other", () => {
    assert.deepEqual(sequence(), ["/in0", "/in0"]);
  });

  it("say nothing of a call after which something else has woken the thread", () => {
    let count = 0;
    const isFirst = () => count++ === 0;
    assert.deepEqual(
      sequence((host) => isFirst() && wake(host, worker(7), front(0))),
      [undefined, "/in0"],
    );
  });

  it("are for a thread that the reader of the answer wakes again while it passes it on", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    for (const index of [0, 1]) {
      const reader = worker(2 + index);
      calls[index]!.clientReads(reader, ok());
      wake(host, reader, front(index));
      for (let times = 0; times < 3; times++) wake(host, reader, front(index), host.nowNs - 2_000);
      links[index]!.answer(front(index), ok());
    }
    assert.deepEqual(parents(host), ["/in0", "/in1"]);
  });

  it("are for a thread that is woken for the beginning of an answer and passes it on", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab";
    for (const index of [0, 1]) {
      calls[index]!.clientReads(worker(2 + index), head);
      wake(host, worker(2 + index), front(index));
      links[index]!.answer(front(index), head);
    }
    for (const index of [1, 0]) {
      wake(host, worker(2 + index), front(index), host.nowNs - 2_000);
      calls[index]!.clientReads(worker(2 + index), "cd");
      links[index]!.answer(front(index), "cd");
    }
    assert.deepEqual(parents(host), ["/in0", "/in1"]);
  });

  it("say nothing of a call whose answer woke a thread that then waited for one that had begun before", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    for (const index of [0, 1]) {
      calls[index]!.clientReads(SELECTOR, ok());
      wake(host, SELECTOR, worker(index));
      wake(host, worker(index), front(1));
    }
    links[1]!.answer(front(1), ok());
    assert.deepEqual(parents(host), [undefined, "/in1"]);
  });

  it("forget what a worker was woken for when it is done and woken for something else", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    calls[0]!.clientReads(SELECTOR, ok());
    wake(host, SELECTOR, worker(0));
    wake(host, worker(0), front(0));
    wake(host, SELECTOR, worker(0));
    wake(host, worker(0), front(1));
    links[0]!.answer(front(0), ok());
    links[1]!.answer(front(1), ok());
    assert.deepEqual(parents(host), ["/in0", undefined]);
    assert.equal(calls.length, 2);
  });

  it("take who woke the thread last before it called for the one that handed the call over", () => {
    const host = new Host();
    wake(host, worker(0), worker(1));
    const links = [inbound(host), inbound(host)];
    for (const index of [0, 1]) links[index]!.serverReads(front(index), get(`/in${index}`));
    wake(host, front(1), worker(2));
    wake(host, SELECTOR, worker(2));
    outbound(host).send(worker(2), get("/out0")).clientReads(SELECTOR, ok());
    wake(host, SELECTOR, worker(3));
    wake(host, worker(3), front(0));
    for (const index of [0, 1]) links[index]!.answer(front(index), ok());
    assert.deepEqual(parents(host), ["/in0", undefined]);
  });

  it("are believed of the workers of a busy pool where both ends agree, though others took the next job", () => {
    const host = new Host();
    wake(host, worker(0), worker(1));
    const links = [inbound(host), inbound(host)];
    const rounds = 60;
    for (let round = 0; round < rounds; round++) {
      // The one that was woken for the first request finds the job of the second, and the other way round.
      const isSwapped = round % 5 === 4;
      for (const index of [0, 1]) {
        links[index]!.serverReads(front(index), get(`/r${round}-${index}`));
        wake(host, front(index), worker(index));
      }
      const calls = [0, 1].map((index) => {
        return outbound(host).send(worker(isSwapped ? 1 - index : index), get(`/r${round}-${index}.1`));
      });
      for (const index of [0, 1]) {
        const by = worker(isSwapped ? 1 - index : index);
        calls[index]!.clientReads(by, ok());
        wake(host, by, front(index));
        links[index]!.answer(front(index), ok());
      }
    }
    host.end();
    const byId = new Map(host.spans.map((span) => [span.spanId, attribute(span, "url.path")]));
    const joined = host.spans.filter(({ kind, parentSpanId }) => kind === 3 && parentSpanId !== undefined);
    for (const call of joined)
      assert.ok(attribute(call, "url.full")?.endsWith(`${byId.get(call.parentSpanId!)}.1`), "a wrong parent");
    assert.equal(joined.length, rounds * 2 * 0.8);
  });

  it("wait for what shows soon that they lie: room in a queue wakes who has something to put into it", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    const beside = [inbound(host), inbound(host)];
    calls[0]!.clientReads(worker(2), ok());
    wake(host, worker(2), front(1));
    for (const index of [1, 0]) links[index]!.answer(front(index), ok());
    for (let round = 0; round < 3; round++) {
      for (const index of [2, 3]) beside[index - 2]!.serverReads(front(index), get(`/beside${round}`));
      outbound(host)
        .send(worker(9), get(`/other${round}`))
        .clientReads(worker(9), ok());
      for (const index of [2, 3]) wake(host, worker(9), front(index));
      for (const index of [2, 3]) beside[index - 2]!.answer(front(index), ok());
    }
    assert.deepEqual(parents(host), [undefined, undefined]);
  });

  it("say nothing where an answer took another way than others do", () => {
    for (const hops of [1, 2]) {
      const host = new Host();
      wake(host, worker(0), worker(1));
      const [link, call] = [inbound(host), outbound(host)];
      inbound(host).serverReads(front(1), get("/beside"));
      const serve = (path: string, through: number) => {
        link.serverReads(front(0), get("/in0"));
        call.send(worker(2), get(path)).clientReads(SELECTOR, ok());
        wake(host, SELECTOR, worker(0));
        if (through === 2) wake(host, worker(0), worker(8));
        wake(host, worker(through === 2 ? 8 : 0), front(0));
        link.answer(front(0), ok());
      };
      for (let index = 0; index < 20; index++) serve("/other", 1);
      serve("/out0", hops);
      assert.deepEqual(parents(host), [hops === 1 ? "/in0" : undefined, undefined]);
    }
  });

  it("say nothing of an answer that came while a worker took another one without having slept", () => {
    const host = new Host();
    const { links, calls } = twoRequests(host);
    calls[0]!.clientReads(SELECTOR, ok());
    wake(host, SELECTOR, worker(0));
    // Of the first one nobody is woken, of the second one a worker that is awake takes.
    calls[1]!.clientReads(SELECTOR, ok());
    outbound(host).send(worker(9), get("/other")).clientReads(SELECTOR, ok());
    wake(host, worker(0), front(1));
    for (const index of [0, 1]) links[index]!.answer(front(index), ok());
    assert.deepEqual(parents(host), [undefined, undefined]);
  });

  it("are for the first of the requests that one connection brought at once", () => {
    const host = new Host();
    wake(host, worker(0), worker(1));
    const [link, call] = [inbound(host), outbound(host)];
    inbound(host).serverReads(front(1), get("/beside"));
    for (const index of [0, 1]) link.serverReads(front(0), get(`/in${index}`));
    call.send(worker(2), get("/out0")).clientReads(SELECTOR, ok());
    wake(host, SELECTOR, worker(0));
    wake(host, worker(0), front(0));
    for (const _ of [0, 1]) link.answer(front(0), ok());
    assert.deepEqual(parents(host), ["/in0", undefined]);
  });
});
