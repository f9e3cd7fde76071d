import assert from "node:assert/strict";
import { TurnPhase, UnitKind } from "../../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../../support/host.ts";

/** A loop to which one connection brings two requests at a time; their calls go out at once, each on a connection of its own. */
class Loop {
  readonly host = new Host();
  readonly #inbound = this.host.connect({ only: "server", clientAddress: "192.0.2.77" });
  readonly #outbound: readonly Link[] = Array.from({ length: 3 }, () =>
    this.host.connect({ only: "client", serverPort: 9000, clientOffset: 500, serverOffset: 500 }),
  );
  #reads = 1;
  #batch = 0;

  #doer(): Doer {
    return { tgid: 500, unitKind: UnitKind.nodeAsync, turnId: this.#reads * 4 + TurnPhase.poll };
  }

  /**
   * @param callers by call, which of the two makes it
   * @param answered the calls in the order of their answers; the requests are answered with the last one of both
   */
  serve(callers: readonly number[], answered: readonly number[]): [string, string] {
    const names: [string, string] = [`b${this.#batch}first`, `b${this.#batch++}second`];
    this.#reads++;
    this.#inbound.serverReads(this.#doer(), names.map((name) => get(`/${name}`)).join(""));
    for (const [index, caller] of callers.entries())
      this.#outbound[index]!.send(this.#doer(), get(`/${names[caller]}.${index}`));
    const left = [0, 1].map((request) => callers.filter((caller) => caller === request).length);
    let next = left[0] === 0 && left[1] === 0 ? this.#answer(2) : 0;
    for (const call of answered) {
      this.#reads++;
      this.#outbound[call]!.clientReads(this.#doer(), ok());
      left[callers[call]!]!--;
      while (next < 2 && left[next] === 0) next += this.#answer(1);
    }
    this.host.pass(5);
    return names;
  }

  #answer(count: number): number {
    for (let at = 0; at < count; at++) this.#inbound.answer(this.#doer(), ok());
    return count;
  }

  /** By the path of each call that of its request. */
  joined(): Map<string, string> {
    this.host.pass(10_000);
    this.host.end();
    const pathOf = new Map(this.host.spans.map((span) => [span.spanId, attribute(span, "url.path")]));
    const found = new Map<string, string>();
    for (const span of this.host.spans) {
      const parent = pathOf.get(span.parentSpanId ?? "");
      const url = attribute(span, "url.full");
      if (url !== undefined && parent !== undefined) found.set(new URL(url).pathname.slice(1), parent.slice(1));
    }
    return found;
  }
}

const ENOUGH = 20;

/** Each is answered with its own call's answer. */
function agree(loop: Loop): void {
  for (let batch = 0; batch < ENOUGH; batch++) loop.serve([0, 1], [0, 1]);
}

describe("requests that one read brings to a loop", () => {
  it("have the calls that went out in its callback in their order, also where their answers had to wait", () => {
    const loop = new Loop();
    agree(loop);
    const [first, second] = loop.serve([0, 1], [1, 0]);
    const joined = loop.joined();
    assert.equal(joined.get(`${first}.0`), first);
    assert.equal(joined.get(`${second}.1`), second);
  });

  it("have none of them before that has shown", () => {
    const loop = new Loop();
    const [first, second] = loop.serve([0, 1], [1, 0]);
    const joined = loop.joined();
    assert.equal(joined.get(`${first}.0`), first, "it is answered with it");
    assert.equal(joined.get(`${second}.1`), undefined);
  });

  it("have none of them where some call more often, or not at all", () => {
    for (const callers of [[0, 1, 1], [1]]) {
      const loop = new Loop();
      agree(loop);
      loop.serve(callers, [...callers.keys()]);
      const [, second] = loop.serve([0, 1], [1, 0]);
      assert.equal(loop.joined().get(`${second}.1`), undefined);
    }
  });

  it("have none of them where another one was answered with the answer", () => {
    const loop = new Loop();
    agree(loop);
    loop.serve([1, 0], [1, 0]);
    const [, second] = loop.serve([0, 1], [1, 0]);
    assert.equal(loop.joined().get(`${second}.1`), undefined);
  });
});
