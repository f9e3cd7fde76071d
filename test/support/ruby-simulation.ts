/**
 * A server of Ruby's (Puma) whose true causes are known: threads of a pool read and answer, a reactor reads what comes slowly, and
 * each request makes threads that call: `/r7.1` was called for `/r7`.
 */
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { get, Host, type Link, ok } from "./host.ts";
import { generator, lose, type Score, score } from "./simulation.ts";

export interface RubyOptions {
  readonly seed: number;
  readonly requests: number;
  /** Share of the requests that the reactor reads. */
  readonly byReactor: number;
  /** Share of the answered requests that make a thread then, which calls. */
  readonly behind?: number;
  readonly lost?: number;
  readonly doubled?: number;
}

const TGID = 900;
const POOL = 8;

interface Thread {
  readonly by: Doer;
  callsLeft: number;
  upstream: Link | undefined;
}

interface Request {
  readonly id: number;
  readonly link: Link;
  readonly reader: Doer | undefined;
  worker: Thread | undefined;
  readonly threads: Thread[];
  threadsLeft: number;
  calls: number;
}

export function simulateRuby(options: RubyOptions): Score {
  const random = generator(options.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const host = new Host();
  lose(host, options, random);
  const addresses = Array.from({ length: 64 }, (_, index) => 0x7f00_0000 + index * 0x400);
  const idle: Thread[] = [];
  const queue: Request[] = [];
  const active: Request[] = [];
  const behind: { thread: Thread; id: number }[] = [];
  const links = Array.from({ length: POOL + 4 }, () => host.connect({ only: "server", clientAddress: "192.0.2.5" }));
  let started = 0;

  /** A thread's address is used again when it has ended. */
  const make = (maker: Doer | undefined): Thread => {
    host.nowNs += 1000;
    const creation = host.nowNs;
    const unitId = addresses.splice(pick(addresses.length), 1)[0]!;
    if (maker !== undefined && random() >= (options.lost ?? 0))
      host.engine.unitEdge({
        header: { kind: EventKind.unitEdge, length: 0, timestampNs: creation, tgid: TGID, pid: maker.pid ?? TGID },
        fromId: maker.unitId ?? 0,
        toId: creation,
        fromCreation: maker.causeId ?? 0,
        work: 0,
        edge: UnitEdge.creates,
        unitKind: UnitKind.rubyFiber,
      });
    const by = { tgid: TGID, pid: TGID + 1 + pick(50), unitKind: UnitKind.rubyFiber, unitId };
    return {
      by: { ...by, causeKind: CauseKind.creation, causeId: creation },
      callsLeft: 1 + pick(2),
      upstream: undefined,
    };
  };
  const end = ({ by }: Thread): void => void addresses.push(by.unitId!);

  const main = make(undefined);
  const reactor = make(main.by);
  for (let index = 0; index < POOL; index++) idle.push(make(main.by));

  const read = (): void => {
    const isSlow = random() < options.byReactor;
    const worker = isSlow ? undefined : idle.splice(pick(idle.length), 1)[0];
    if (!isSlow && worker === undefined) return;
    const link = links.splice(pick(links.length), 1)[0];
    if (link === undefined) {
      if (worker !== undefined) idle.push(worker);
      return;
    }
    const request = { id: ++started, link, reader: worker?.by, worker, threads: [], threadsLeft: pick(4), calls: 0 };
    link.serverReads(worker?.by ?? reactor.by, get(`/r${request.id}`));
    (isSlow ? queue : active).push(request);
  };

  const step = (thread: Thread, path: () => string): boolean => {
    if (thread.upstream !== undefined) {
      thread.upstream.clientReads(thread.by, ok());
      thread.upstream = undefined;
    } else if (thread.callsLeft > 0) {
      thread.callsLeft--;
      thread.upstream = host.connect({ only: "client", serverPort: 9000 }).send(thread.by, get(path()));
    } else return true;
    return false;
  };

  const answer = (request: Request): void => {
    const worker = request.worker!;
    request.link.answer(worker.by, ok());
    active.splice(active.indexOf(request), 1);
    links.push(request.link);
    if (random() < (options.behind ?? 0)) {
      const thread = make(worker.by);
      thread.callsLeft = 1;
      behind.push({ thread, id: request.id });
    }
    idle.push(worker);
  };

  const proceed = (request: Request): void => {
    const thread = request.threads[pick(request.threads.length)];
    if (request.threadsLeft > 0 && (thread === undefined || random() < 0.4)) {
      request.threadsLeft--;
      request.threads.push(make(request.worker!.by));
    } else if (thread === undefined) answer(request);
    else if (step(thread, () => `/r${request.id}.${++request.calls}`)) {
      request.threads.splice(request.threads.indexOf(thread), 1);
      end(thread);
    }
  };

  while (started < options.requests || active.length + queue.length + behind.length > 0) {
    const choice = random();
    if (choice < 0.2 && started < options.requests) read();
    else if (choice < 0.35 && queue.length > 0 && idle.length > 0) {
      const request = queue.shift()!;
      request.worker = idle.splice(pick(idle.length), 1)[0]!;
      active.push(request);
    } else if (choice < 0.45 && behind.length > 0) {
      const { thread, id } = behind[0]!;
      if (step(thread, () => `/r${id}.99`)) {
        behind.shift();
        end(thread);
      }
    } else if (active.length > 0) proceed(active[pick(active.length)]!);
    host.pass(0.3);
  }
  host.pass(10_000);
  host.end();
  return score(host);
}
