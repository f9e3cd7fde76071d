/**
 * The joiner alone: messages of one core's second, by what the program's runtime lets it know. A message is a request that
 * is read, a call, its answer, an answer that is written: four make a request. Parsing, spans and export are not in it.
 * Of each kind of program 64 requests are open at any time; `joined` is the share of the calls that got a parent.
 */
import { CauseKind, TurnPhase, UnitKind } from "../src/bpf/layout.gen.ts";
import type { EventMeta } from "../src/mapping/event-meta.ts";
import { Joiner } from "../src/mapping/join/join.ts";
import { TraceNode } from "../src/mapping/join/trace-node.ts";
import type { Unit } from "../src/mapping/join/unit.ts";
import { meta } from "../test/support/meta.ts";

const IN_FLIGHT = 64;
const MESSAGES_PER_REQUEST = 4;
const REQUESTS_PER_ROUND = 50_000;
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const TGID = 100;
/** Between two messages: 100 000 a second. */
const STEP_NS = 10_000;

/** What it waits for is more than the program has in flight. */
const BEHIND_THE_ANSWER = "goroutines, calls behind the answer";

type Who = Partial<EventMeta>;

/** Who takes each step of the request in this slot; `count` is the number of the request. */
interface Runtime {
  read(slot: number, count: number): Who;
  call(slot: number, count: number): Who;
  reply(slot: number, count: number): Who;
  answer(slot: number, count: number): Who;
}

const alike = (who: (slot: number, count: number) => Who): Runtime => ({
  read: who,
  call: who,
  reply: who,
  answer: who,
});
const loop: Who = { pid: TGID };

const runtimes: Readonly<Record<string, Runtime>> = {
  "thread per request": alike((slot) => ({ pid: 200 + slot, isBlocking: true })),
  goroutines: alike((slot, count) => ({ pid: 200 + (count % 4), coroutineId: 1000 + slot })),
  [BEHIND_THE_ANSWER]: alike((slot, count) => ({ pid: 200 + (count % 4), coroutineId: 1000 + slot })),
  "Go, calls by workers": {
    read: (slot) => ({
      pid: 200,
      coroutineId: 1000 + slot,
      causeKind: CauseKind.goConnection,
      causeId: 0xc000_0000 + slot * 96,
    }),
    call: (slot, count) => ({
      pid: 201,
      coroutineId: 5000 + (count % 16),
      causeKind: CauseKind.goContext,
      causeId: 0xc000_0000 + slot * 96,
    }),
    reply: (_slot, count) => ({ pid: 201, coroutineId: 6000 + (count % 16) }),
    answer: (slot) => ({ pid: 202, coroutineId: 1000 + slot }),
  },
  asyncio: {
    read: (slot) => ({ ...loop, unitKind: UnitKind.pythonContext, unitId: 0x10_0000 + slot }),
    call: (slot) => ({ ...loop, unitKind: UnitKind.pythonContext, unitId: 0x20_0000 + slot }),
    reply: (slot) => ({ ...loop, unitKind: UnitKind.pythonContext, unitId: 0x30_0000 + slot }),
    answer: (slot) => ({ ...loop, unitKind: UnitKind.pythonContext, unitId: 0x20_0000 + slot }),
  },
  "event loop, turns": alike((_slot, count) => ({ ...loop, turnId: count + 1 })),
  "Node, turns": alike((_slot, count) => ({
    ...loop,
    unitKind: UnitKind.nodeAsync,
    unitId: count,
    turnId: (count + 1) * 4 + TurnPhase.poll,
  })),
  "Node, timers before calls": alike((_slot, count) => ({
    ...loop,
    unitKind: UnitKind.nodeAsync,
    unitId: count,
    turnId: (count + 1) * 4 + TurnPhase.poll,
  })),
  "threads, nothing known": alike((slot, count) => ({ pid: 200 + ((slot * 7 + count * 13) % 16) })),
};

/** Two steps of a request, one right after the other. */
const LOOPS: readonly string[] = ["event loop, turns", "Node, turns"];

interface Slot {
  readonly server: object;
  readonly upstream: object;
  request: TraceNode | undefined;
  call: TraceNode | undefined;
}

const STEPS = ["read", "call", "reply", "answer"] as const;
type Step = (typeof STEPS)[number];

interface Message {
  readonly slot: number;
  readonly step: Step;
  readonly meta: EventMeta;
}

/** Other requests' steps lie between the steps of each, except where a loop does two of them in one turn. */
function messagesOf(name: string, runtime: Runtime): Message[] {
  const messages: Message[] = [];
  const lag: Readonly<Record<Step, number>> = LOOPS.includes(name)
    ? { read: 0, call: 0, reply: 32, answer: 32 }
    : name === BEHIND_THE_ANSWER
      ? { read: 0, call: 20, reply: 32, answer: 16 }
      : { read: 0, call: 16, reply: 32, answer: 48 };
  for (let at = 0; at < REQUESTS_PER_ROUND + IN_FLIGHT; at++) {
    for (const step of STEPS) {
      const count = at - lag[step];
      if (count < 0 || count >= REQUESTS_PER_ROUND) continue;
      const slot = count % IN_FLIGHT;
      const order = messages.length + 1;
      const timestampNs = order * STEP_NS;
      const who = runtime[step](slot, count);
      messages.push({ slot, step, meta: { ...meta(order), tgid: TGID, timestampNs, ...who } });
    }
  }
  return messages;
}

class Program {
  readonly #joiner = new Joiner();
  readonly #slots: Slot[] = Array.from({ length: IN_FLIGHT }, () => ({
    server: {},
    upstream: {},
    request: undefined,
    call: undefined,
  }));
  #late: { readonly request: TraceNode; readonly call: TraceNode }[] = [];
  calls = 0;
  joined = 0;

  run(messages: readonly Message[]): void {
    let count = 0;
    for (const { slot, step, meta: at } of messages) {
      this.#step(this.#slots[slot]!, step, at);
      if (++count % 1024 === 0) this.#advance(at.timestampNs);
    }
    this.#advance(Number.POSITIVE_INFINITY);
  }

  #advance(nowNs: number): void {
    this.#joiner.advance(nowNs);
    const isOver = (index: number) => this.#late[index]?.call.isDecided === true;
    let over = 0;
    while (isOver(over)) over++;
    for (const { request, call } of this.#late.splice(0, over)) this.#count(request, call);
  }

  #step(slot: Slot, step: Step, at: EventMeta): void {
    const joiner = this.#joiner;
    if (step === "read") {
      joiner.bytesRead(at, true);
      slot.call = undefined;
      slot.request = nodeOf(true, at, joiner.readerOf(at, slot.server), slot.server);
      joiner.serverStarted(slot.request, undefined, false);
      joiner.messageRead(slot.request, at);
    } else if (step === "call") {
      slot.call = nodeOf(false, at, joiner.unitOf(at), slot.upstream);
      slot.call.destination = "127.0.0.1:8080";
      slot.call.hasConnection = true;
      joiner.clientStarted(slot.call, undefined);
      if (slot.request!.isFinished) this.#late.push({ request: slot.request!, call: slot.call });
    } else if (step === "reply") {
      joiner.bytesRead(at, false);
      joiner.messageRead(slot.call!, at);
      joiner.clientFinished(slot.call!, at);
    } else {
      joiner.serverAnswers(slot.request!, at, true);
      joiner.serverFinished(slot.request!, at);
      if (slot.call !== undefined) this.#count(slot.request!, slot.call);
    }
  }

  #count(request: TraceNode, call: TraceNode): void {
    this.calls++;
    if (call.parent === undefined) return;
    if (call.parent !== request) throw new Error("a wrong parent: the bench plays what no such program does");
    this.joined++;
  }
}

function nodeOf(isServer: boolean, start: EventMeta, unit: Unit, connection: object): TraceNode {
  return new TraceNode(
    isServer,
    { a: start.order, b: isServer ? 1 : 2, c: 0, d: 0 },
    start,
    unit,
    connection,
    undefined,
  );
}

const rates = new Map<string, number[]>();
const joined = new Map<string, number>();
for (let round = -1; round < ROUNDS; round++) {
  for (const [name, runtime] of Object.entries(runtimes)) {
    const program = new Program();
    const messages = messagesOf(name, runtime);
    const started = process.cpuUsage();
    program.run(messages);
    const { user, system } = process.cpuUsage(started);
    joined.set(name, program.joined / program.calls);
    // The first round only warms up.
    if (round < 0) continue;
    const rate = (REQUESTS_PER_ROUND * MESSAGES_PER_REQUEST * 1e6) / (user + system);
    rates.set(name, [...(rates.get(name) ?? []), rate]);
  }
}
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const result = Object.fromEntries(
  [...rates].map(([name, values]) => [
    name,
    {
      messagesPerCpuSecond: Math.round(median(values)),
      worst: Math.round(Math.min(...values)),
      joined: Number(joined.get(name)!.toFixed(3)),
    },
  ]),
);
process.stdout.write(
  JSON.stringify({ bench: "join", rounds: ROUNDS, inFlight: IN_FLIGHT, requestsPerRound: REQUESTS_PER_ROUND, result }),
);
