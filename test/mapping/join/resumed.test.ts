import assert from "node:assert/strict";
import { CauseKind, EventKind, TurnPhase, UnitEdge, UnitKind } from "../../../src/bpf/layout.gen.ts";
import type { Doer } from "../../support/events.ts";
import { attribute, get, Host, type Link, ok } from "../../support/host.ts";

const TGID = 500;
const ENOUGH = 12;

/** Turn and microtask (of those behind the read) of an async function that goes on, and whether it is detached. */
type Going = readonly [
  turn: number,
  microtask: number,
  isDetached?: boolean,
  drain?: number,
  wait?: number,
  isAtOnce?: boolean,
];

/** A loop whose requests send their commands over one connection, all in one write, and whose answers come in one read. */
class Loop {
  readonly host = new Host();
  readonly redis: Link;
  sendsApart = false;
  answersBackwards = false;
  readonly #inbound: Link[] = [];
  #reads = 1;
  #microtasks = 1000;
  #round = 0;

  constructor() {
    this.redis = this.host.connect({ only: "client", serverPort: 6379, clientOffset: 500, serverOffset: 500 });
  }

  doer(phase: TurnPhase = TurnPhase.poll): Doer {
    return {
      tgid: TGID,
      unitKind: UnitKind.nodeAsync,
      turnId: this.#reads * 4 + phase,
      causeKind: CauseKind.nodeMicrotasks,
      causeId: this.#microtasks,
    };
  }

  /** Requests are read, each in a callback of its own. @returns their turns */
  read(names: readonly string[]): number[] {
    return names.map((name, index) => {
      this.#reads++;
      const link = this.#inbound[index] ?? this.host.connect({ only: "server", clientAddress: "192.0.2.77" });
      this.#inbound[index] = link;
      link.serverReads(this.doer(), get(`/${name}`));
      return this.doer().turnId!;
    });
  }

  /** @param queued microtasks, by what the read has brought; as many follow from these */
  round(
    count: number,
    going: (turns: readonly number[]) => readonly Going[],
    answersLate = false,
    queued = count,
  ): string[] {
    const names = Array.from({ length: count }, (_, index) => `r${this.#round}${"abcdefgh"[index]}`);
    this.#round++;
    const turns = this.read(names);
    if (this.sendsApart) for (const name of names) this.redis.send(this.doer(TurnPhase.other), command(name));
    else this.redis.send(this.doer(TurnPhase.other), names.map((name) => command(name)).join(""));
    this.#reads++;
    this.redis.clientReads(this.doer(), names.map(() => "$2\r\nok\r\n").join(""));
    const told = going(turns);
    for (const one of told) this.#goOn(one, one[1] < queued ? queued - 1 - one[1] : queued - 1);
    this.#microtasks += 100;
    if (answersLate) this.#reads++;
    const answering = this.#inbound.slice(0, count);
    if (this.answersBackwards) answering.reverse();
    for (const link of answering) link.answer(this.doer(), ok());
    this.host.pass(5);
    return names;
  }

  /** The requests are answered, and call then; the first callers go on `atOnce` with what they had begun to await when they were read. */
  behindAnswers(names: readonly string[], atOnce: readonly boolean[]): void {
    const turns = this.read(names);
    for (const [index] of names.entries()) this.#inbound[index]!.answer(this.doer(), ok());
    for (const [index, name] of names.entries()) {
      this.redis.send(this.doer(TurnPhase.other), command(name));
      this.#reads++;
      this.redis.clientReads(this.doer(), "$2\r\nok\r\n");
      this.#goOn([turns[index]!, 0, false, 0, 0, atOnce[index]!], 0);
      this.#microtasks += 100;
      this.host.pass(5);
    }
    this.read(["next"]);
    this.#inbound[0]!.answer(this.doer(), ok());
  }

  /** Each request is answered, and goes on with so many calls, one after the other; those that call none leave their calls to the first's function. */
  goOnBehindAnswers(counts: readonly number[]): string[] {
    const names = counts.map((_, index) => `g${this.#round++}n${index}`);
    const turns = this.read(names);
    for (const [index] of names.entries()) this.#inbound[index]!.answer(this.doer(), ok());
    const mostCalls = Math.max(...counts);
    for (let nth = 0; nth < mostCalls; nth++)
      for (const [index, count] of counts.entries())
        if (nth < count) this.#callBehind(turns[index]!, `${names[index]}c${nth}`, nth === 0);
    for (const [index, count] of counts.entries())
      if (count === 0) this.#callBehind(turns[0]!, `${names[index]}c0`, false);
    this.host.pass(5);
    return names;
  }

  #callBehind(owner: number, name: string, isAtOnce: boolean): void {
    this.redis.send(this.doer(TurnPhase.other), command(name));
    this.#reads++;
    this.redis.clientReads(this.doer(), "$2\r\nok\r\n");
    this.#goOn([owner, 0, false, 0, 0, isAtOnce], 0);
    this.#microtasks += 100;
    this.host.pass(1);
  }

  /**
   * Four calls, of whose answers the first has begun when the others are read, and the last is not over then.
   *
   * @param begins the first begins by itself
   */
  cut(begins: boolean): string[] {
    const names = ["a", "b", "c", "d"].map((name) => `cut${this.#round++}${name}`);
    const turns = this.read(names);
    for (const name of names) this.redis.send(this.doer(TurnPhase.other), command(name));
    this.#reads++;
    const answer = "$2\r\nok\r\n";
    if (begins) this.redis.clientReads(this.doer(), answer.slice(0, 5));
    if (begins) this.#reads++;
    this.redis.clientReads(this.doer(), (begins ? answer.slice(5) : answer) + answer + answer + answer.slice(0, 5));
    for (const [index, turn] of turns.slice(0, 3).entries())
      for (const one of inDrain(turn, index + 1, index + 7)) this.#goOn(one, 0);
    this.#microtasks += 100;
    this.#reads++;
    this.redis.clientReads(this.doer(), answer.slice(5));
    this.#reads++;
    for (const [index] of names.entries()) this.#inbound[index]!.answer(this.doer(), ok());
    this.host.pass(5);
    return names;
  }

  /** A call is made, and with its answer goes on what was read later. */
  lie(): void {
    this.read(["early"]);
    this.redis.send(this.doer(TurnPhase.other), command("early"));
    const [first] = this.#inbound;
    this.#inbound[0] = this.#inbound[1]!;
    const [late] = this.read(["late"]);
    this.#reads++;
    this.redis.clientReads(this.doer(), "$2\r\nok\r\n");
    this.#goOn([late!, 0], 0);
    this.#reads++;
    for (const link of [first!, this.#inbound[0]]) link.answer(this.doer(), ok());
    this.#inbound[0] = first!;
  }

  /** @param waiting microtasks behind it */
  #goOn([fromId, microtask, isDetached, drain = 0, wait = 0, isAtOnce]: Going, waiting: number): void {
    this.host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: this.host.nowNs, tgid: TGID, pid: TGID },
      fromId,
      toId: this.doer().turnId!,
      fromCreation: waiting + drain * 2 ** 16 + wait * 2 ** 32 + (isAtOnce ? 2 ** 52 : 0),
      work: this.#microtasks + microtask,
      edge: isDetached ? UnitEdge.resumesDetached : UnitEdge.resumes,
      unitKind: UnitKind.nodeAsync,
    });
  }

  /** Each request's name with the names of its calls. */
  joined(): Map<string, string[]> {
    this.host.pass(10_000);
    this.host.end();
    const found = new Map<string, string[]>();
    for (const span of this.host.spans) {
      const key = attribute(span, "db.query.text")?.replace("GET ", "").replaceAll("?", "");
      const parent = this.host.spans.find(({ spanId }) => spanId === span.parentSpanId);
      if (key === undefined || parent === undefined) continue;
      const name = attribute(parent, "url.path")!.slice(1);
      found.set(name, [...(found.get(name) ?? []), key]);
    }
    return found;
  }
}

const command = (key: string): string => `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`;
const inOrder = (turns: readonly number[]) => turns.map((turn, index) => [turn, index] as const);

/** What awaits an answer itself, and what awaits that; `wait`: the number of the first one's. */
const inDrain = (turn: number, drain: number, wait: number): Going[] => [
  [turn, drain * 4, false, drain, wait],
  [turn, drain * 4 + 1, false, drain, 3],
];

const detached = (a: number, b: number): Going[] => [
  [a, 0, true],
  [b, 1, true],
];

/** Until what goes on is believed. */
function proven(): Loop {
  const loop = new Loop();
  for (let round = 0; round < ENOUGH; round++) loop.round(3, inOrder);
  return loop;
}

describe("resumed", () => {
  it("gives each of the answers that one read brings to the request that goes on with it", () => {
    const loop = proven();
    const names = loop.round(3, inOrder, true);
    const joined = loop.joined();
    for (const name of names) assert.deepEqual(joined.get(name), [name]);
  });

  it("believes nobody where one awaits what follows from an answer, and goes on later than the others", () => {
    const loop = proven();
    const names = [
      // The first one's promise has a microtask before its function's: the other two go on in the second and third.
      ...loop.round(
        3,
        ([a, b, c]) => [
          [b!, 1],
          [c!, 2],
          [a!, 3],
        ],
        true,
      ),
      ...loop.round(
        3,
        ([a, b, c]) => [
          [b!, 0],
          [c!, 2],
          [a!, 3],
        ],
        true,
      ),
    ];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes nobody where fewer or more go on than answers came, or one of which nothing is known", () => {
    const loop = proven();
    const names = [
      ...loop.round(
        3,
        ([a, b]) => [
          [a!, 0],
          [b!, 1],
        ],
        true,
      ),
      ...loop.round(
        2,
        ([a, b]) => [
          [a!, 0],
          [b!, 1],
          [0, 2],
        ],
        true,
      ),
      ...loop.round(
        1,
        ([a]) => [
          [a!, 0],
          [0, 1],
        ],
        true,
      ),
    ];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes the others where of one that goes on nothing is known", () => {
    const loop = proven();
    const inOneRun = loop.round(
      3,
      ([a, , c]) => [[a!, 0, false, 0, 7] as const, [0, 1] as const, [c!, 2, false, 0, 9] as const],
      true,
    );
    loop.sendsApart = true;
    const byRuns = loop.round(3, ([a, , c]) => [...inDrain(a!, 1, 7), [0, 8, false, 2, 0], ...inDrain(c!, 3, 8)], true);
    const shared = loop.round(2, ([a, b]) => [...inDrain(a!, 1, 7), ...inDrain(b!, 2, 8), [a!, 12, false, 2, 5]], true);
    const joined = loop.joined();
    for (const name of [inOneRun[0]!, inOneRun[2]!, byRuns[0]!, byRuns[2]!, shared[0]!])
      assert.deepEqual(joined.get(name), [name]);
    for (const name of [inOneRun[1]!, byRuns[1]!, shared[1]!]) assert.equal(joined.get(name), undefined);
  });

  it("believes what goes on with those answers of several that are over, unless it may go on with their beginnings", () => {
    const loop = proven();
    const whole = loop.cut(false);
    const cut = loop.cut(true);
    const joined = loop.joined();
    for (const name of whole.slice(0, 3)) assert.deepEqual(joined.get(name), [name]);
    for (const name of [whole[3]!, ...cut]) assert.equal(joined.get(name), undefined);
  });

  it("gives a request that is answered what it had begun to await when it was read", () => {
    const loop = proven();
    loop.behindAnswers(["early", "late"], [true, false]);
    const joined = loop.joined();
    assert.deepEqual(joined.get("early"), ["early"]);
    assert.equal(joined.get("late"), undefined);
  });

  it("gives requests that are answered all that they go on with, where nearly all do", () => {
    const loop = proven();
    const names = Array.from({ length: 12 }, () => loop.goOnBehindAnswers([3, 3, 3, 3])).flat();
    loop.read(["next"]);
    const joined = loop.joined();
    // Those before had called nothing behind their answers.
    for (const name of names.slice(32)) assert.deepEqual(joined.get(name), [`${name}c0`, `${name}c1`, `${name}c2`]);
  });

  it("gives an answered request no more than it began with where its function works for others", () => {
    const loop = proven();
    const names = Array.from({ length: 12 }, () => loop.goOnBehindAnswers([2, 0, 0, 1])).flat();
    const joined = loop.joined();
    for (const [index, name] of names.entries())
      assert.deepEqual(joined.get(name), [0, 3].includes(index % 4) ? [`${name}c0`] : undefined);
  });

  it("gives a request all that it goes on with, and nobody what nobody awaits", () => {
    const loop = proven();
    const twice = loop.round(
      2,
      ([a]) => [
        [a!, 0],
        [a!, 1],
      ],
      true,
    );
    const [only, unawaited] = loop.round(
      2,
      ([a]) => [
        [a!, 0],
        [a!, 1],
      ],
      true,
      1,
    );
    const joined = loop.joined();
    assert.deepEqual(joined.get(twice[0]!), twice);
    for (const name of [only!, unawaited!]) assert.equal(joined.get(name), undefined);
  });

  it("believes one that a function has started without awaiting it where one of the request's own goes on too", () => {
    const loop = proven();
    const [single] = loop.round(1, ([a]) => [[a!, 0, true] as const, [a!, 2] as const], true);
    const several = loop.round(
      2,
      ([a, b]) => [
        [a!, 0, true],
        [b!, 1, true],
        // Between them there are microtasks of other kinds.
        [a!, 4],
        [b!, 5],
      ],
      true,
    );
    const joined = loop.joined();
    for (const name of [single!, ...several]) assert.deepEqual(joined.get(name), [name]);
  });

  it("believes nobody where a function that another one has started without awaiting it goes on alone, or for another", () => {
    const loop = proven();
    const names = [
      ...loop.round(1, ([a]) => [[a!, 0, true]], true),
      ...loop.round(2, ([a, b]) => [...detached(a!, b!), [a!, 4]], true),
      ...loop.round(2, ([a, b]) => [...detached(a!, b!), [b!, 4], [a!, 5]], true),
      // The microtask between them has two followers, or none: these are not the second round.
      ...loop.round(2, ([a, b]) => [...detached(a!, b!), [a!, 3], [b!, 4]], true),
    ];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes two orders that agree where the microtasks of each answer end before the next", () => {
    const loop = proven();
    loop.sendsApart = true;
    const names = [
      ...loop.round(3, ([a, b, c]) => [...inDrain(a!, 1, 7), ...inDrain(b!, 2, 8), ...inDrain(c!, 3, 9)], true),
      // The numbers of waits have begun again.
      ...loop.round(2, ([a, b]) => [...inDrain(a!, 1, 2 ** 20 - 1), ...inDrain(b!, 2, 0)], true),
    ];
    const joined = loop.joined();
    for (const name of names) assert.deepEqual(joined.get(name), [name]);
  });

  it("believes nobody where they differ, or where not each goes on", () => {
    const loop = proven();
    loop.sendsApart = true;
    const names = [
      ...loop.round(2, ([a, b]) => [...inDrain(b!, 1, 8), ...inDrain(a!, 2, 7)], true),
      ...loop.round(2, ([a, b]) => [...inDrain(a!, 1, 8), ...inDrain(b!, 2, 7)], true),
      ...loop.round(3, ([a, b]) => [...inDrain(a!, 1, 7), ...inDrain(b!, 2, 8)], true),
    ];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes nobody before other evidence has agreed", () => {
    const loop = new Loop();
    const names = loop.round(3, inOrder, true);
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes what goes on from the first, where all are answered in the order in which they go on", () => {
    const loop = new Loop();
    const names = loop.round(3, inOrder);
    loop.answersBackwards = true;
    const backwards = loop.round(3, inOrder);
    const joined = loop.joined();
    for (const name of names) assert.deepEqual(joined.get(name), [name]);
    for (const name of backwards) assert.equal(joined.get(name), undefined);
  });

  it("believes no order of answers in a process in which what went on has lied", () => {
    const loop = new Loop();
    loop.lie();
    const names = loop.round(3, inOrder);
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });

  it("believes nobody where a request that came later has gone on with an answer", () => {
    const loop = proven();
    loop.lie();
    const names = [...loop.round(3, inOrder, true), ...loop.round(3, inOrder, true)];
    const joined = loop.joined();
    for (const name of names) assert.equal(joined.get(name), undefined);
  });
});
