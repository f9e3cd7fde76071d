/** A loop of Node whose calls share one connection, and whose async functions are seen going on with the answers. */
import { CauseKind, EventKind, TurnPhase, UnitEdge, UnitKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { attribute, get, Host, type Link, ok } from "./host.ts";

const TGID = 500;

/** Turn and microtask (of those behind the read) of an async function that goes on, and whether it is detached. */
export type Going = readonly [
  turn: number,
  microtask: number,
  isDetached?: boolean,
  drain?: number,
  wait?: number,
  isAtOnce?: boolean,
];

/** A loop whose requests send their commands over one connection, all in one write, and whose answers come in one read. */
export class ResumedLoop {
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
  goOnBehindAnswers(counts: readonly number[], pauseMs = 0): string[] {
    const names = counts.map((_, index) => `g${this.#round++}n${index}`);
    const turns = this.read(names);
    for (const [index] of names.entries()) this.#inbound[index]!.answer(this.doer(), ok());
    this.host.pass(pauseMs);
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

/** What awaits an answer itself, and what awaits that; `wait`: the number of the first one's. */
export const inDrain = (turn: number, drain: number, wait: number): Going[] => [
  [turn, drain * 4, false, drain, wait],
  [turn, drain * 4 + 1, false, drain, 3],
];
