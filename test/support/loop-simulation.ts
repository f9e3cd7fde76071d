/**
 * A Node process that exists only here: one libuv loop with its poll phase, timers, thread pool and connections, as
 * the kernel would tell of it (reads are counted, the phase and the ids of resources are read). Paths name true causes
 * as in simulation.ts.
 */
import { EventKind, TurnPhase, UnitEdge, UnitKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { get, Host, type Link, ok } from "./host.ts";
import { generator, lose, type Score, score } from "./simulation.ts";

export interface LoopOptions {
  readonly seed: number;
  readonly inFlight: number;
  readonly requests: number;
  /** What lies before each call. */
  readonly work?: "none" | "timer" | "file";
  readonly calls?: number;
  readonly isParallel?: boolean;
  /** All calls of a request are made when one timer fires, which lets so many requests go on (more than 1: a limit on the rate). */
  readonly letGoAtOnce?: number;
  /** An interval lets them go on, and makes a call that is nobody's each time. */
  readonly reports?: boolean;
  /** Upstream connections; calls above it queue. */
  readonly pool?: number;
  /** Requests answer in a timer of their own, after their last call: all, or every second one. */
  readonly answersLate?: boolean | "second";
  /** Calls for the same thing are joined: one call answers all that wait. */
  readonly sharesCalls?: boolean;
  /** Connections are opened by whoever comes, and given to whoever waits longest. */
  readonly poolGivesToOldest?: boolean;
  /** Handlers are async functions, which are seen going on where their calls are answered: all, or every second one. */
  readonly awaits?: boolean | "second";
  /** They wait for a connection of the pool too, and go on when they get one. */
  readonly awaitsPool?: boolean;
  /**
   * Behind the first third, requests are answered when they are read, and go on with their calls, one after the other: each
   * by a function of its own, or by one that the first has started and that works for all until nothing is left to do; then each
   * may have a call of its own beside that.
   */
  readonly behindAnswer?: "own" | "worker" | "both";
  /** So many requests come at once on one connection. */
  readonly pipelined?: number;
  readonly lost?: number;
  readonly doubled?: number;
  /** Node's ids were not found. */
  readonly hasNoIds?: boolean;
  /** The place on the stack is not known. */
  readonly hasNoPhase?: boolean;
}

const TGID = 500;

interface Request {
  readonly id: number;
  readonly link: Link;
  /** The callback that has read it. */
  readonly turnId: number;
  callsDone: number;
  callsMade: number;
  /** Its answer is ready, and may have to wait for those before it. */
  isReady: boolean;
}

interface Waiting {
  readonly request: Request;
  /** By the function that this one has started; absent: by its own. */
  readonly worksFor?: Request;
  readonly path: string;
  /** Those that have joined the call. */
  readonly others: Request[];
}

export function simulateLoop(options: LoopOptions): Score {
  const random = generator(options.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const host = new Host();
  lose(host, options, random);
  const calls = options.calls ?? 1;
  const servers = Array.from({ length: options.inFlight }, () => host.connect({ only: "server" }));
  const idle: Link[] = [];
  const reporting: Link[] = [];
  const queue: Waiting[] = [];
  const arrivals: Link[] = [];
  const replies: { link: Link; waiting: Waiting }[] = [];
  const connected: { link: Link; waiting: Waiting | undefined }[] = [];
  const timers: (() => void)[] = [];
  const finishedFiles: (() => void)[] = [];
  let upstreams = 0;
  let active = 0;
  let started = 0;
  let reads = 1;
  let counter = 100;
  let phase: TurnPhase = TurnPhase.poll;
  let shared: Waiting | undefined;

  const doer = (unitId = 0): Doer => ({
    tgid: TGID,
    unitKind: UnitKind.nodeAsync,
    turnId: reads * 4 + (options.hasNoPhase ? TurnPhase.unknown : phase),
    unitId: options.hasNoIds ? 0 : unitId,
    unitCount: options.hasNoIds ? 0 : counter,
  });

  /** Its handler goes on, if it is an async function. */
  const resume = ({ id, turnId }: Request, isAtOnce = false): void => {
    if (options.awaits === "second" ? id % 2 === 1 : !options.awaits) return;
    host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
      fromId: turnId,
      toId: doer().turnId!,
      fromCreation: isAtOnce ? 2 ** 52 : 0,
      work: 0,
      edge: UnitEdge.resumes,
      unitKind: UnitKind.nodeAsync,
    });
  };

  /** @param tickId of the tick that writes, where it was scheduled before */
  const write = (link: Link, waiting: Waiting, tickId = ++counter): void => {
    link.send(doer(tickId), get(waiting.path));
    // The write is a resource too.
    counter++;
    replies.push({ link, waiting });
  };

  const call = (request: Request): void => {
    const waiting = { request, path: `/r${request.id}.${++request.callsMade}`, others: [] };
    if (options.sharesCalls && shared !== undefined) {
      shared.others.push(request);
      return;
    }
    if (options.sharesCalls) shared = waiting;
    const link = idle.pop();
    if (link !== undefined) {
      write(link, waiting);
    } else if (upstreams < (options.pool ?? 1000)) {
      upstreams++;
      const opened = host.connect({ only: "client", serverPort: 9000 });
      counter++;
      opened.connecting(doer());
      const givesToOldest = options.poolGivesToOldest === true;
      if (givesToOldest) queue.push(waiting);
      connected.push({ link: opened, waiting: givesToOldest ? undefined : waiting });
    } else {
      queue.push(waiting);
    }
  };

  const nobody: Request = {
    id: 0,
    link: servers[0]!,
    turnId: 0,
    callsDone: Number.NEGATIVE_INFINITY,
    callsMade: 0,
    isReady: false,
  };
  /** One timer has let them go on: their code runs first, then the ticks in which it writes. */
  const callTogether = (requests: readonly Request[]): void => {
    const ticks: (() => void)[] = [];
    const schedule = (request: Request, path: string): void => {
      const serverPort = request === nobody ? 9001 : 9000;
      const idleOnes = request === nobody ? reporting : idle;
      // Connections that were open before: who opened them says nothing of the call.
      const link = idleOnes.pop() ?? host.connect({ only: "client", serverPort, clientOffset: 500, serverOffset: 500 });
      counter += 2;
      const tickId = counter;
      ticks.push(() => write(link, { request, path, others: [] }, tickId));
    };
    for (const request of requests)
      for (let index = 0; index < calls; index++) schedule(request, `/r${request.id}.${++request.callsMade}`);
    if (options.reports) schedule(nobody, "/background");
    for (const tick of ticks) tick();
  };
  const waitingForTimer: Request[] = [];

  const work = (request: Request): void => {
    counter++;
    if (options.letGoAtOnce !== undefined) {
      waitingForTimer.push(request);
      if (!options.reports) timers.push(() => callTogether(waitingForTimer.splice(0, options.letGoAtOnce)));
    } else if (options.work === "timer") timers.push(() => call(request));
    else if (options.work === "file") finishedFiles.push(() => call(request));
    else call(request);
  };

  const answer = (request: Request): void => {
    request.isReady = true;
    const pipeline = pipelines.get(request.link)!;
    while (pipeline[0]?.isReady) {
      pipeline.shift();
      request.link.answer(doer(), ok());
    }
    if (pipeline.length > 0) return;
    servers.push(request.link);
    active--;
  };
  const pipelines = new Map<Link, Request[]>();

  const jobs: Request[] = [];
  let worker: Request | undefined;
  let lingering = 0;
  const upstream = (): Link =>
    idle.pop() ?? host.connect({ only: "client", serverPort: 9000, clientOffset: 500, serverOffset: 500 });
  const callBehind = (request: Request, worksFor?: Request): void => {
    lingering++;
    const path = `/r${request.id}.${++request.callsMade}`;
    write(upstream(), { request, path, others: [], ...(worksFor && { worksFor }) });
  };
  const takeJob = (): void => {
    const job = jobs.shift();
    if (job === undefined) worker = undefined;
    else callBehind(job, worker);
  };
  const isBehind = ({ id }: Request): boolean => options.behindAnswer !== undefined && id > options.requests / 3;
  const goOnBehind = (request: Request): void => {
    answer(request);
    if (options.behindAnswer !== "worker") callBehind(request);
    if (options.behindAnswer === "own") return;
    jobs.push(request);
    if (worker !== undefined) return;
    worker = request;
    takeJob();
  };
  /** Its answer is read. */
  const isOverBehind = ({ request, worksFor }: Waiting): void => {
    lingering--;
    resume(worksFor ?? request, (worksFor ?? request) === request && ++request.callsDone === 1);
    if (worksFor !== undefined) takeJob();
    else if (options.behindAnswer === "own" && request.callsMade < calls) callBehind(request);
  };

  const proceed = (request: Request): void => {
    request.callsDone++;
    if (request.callsDone < calls) {
      if (!options.isParallel && options.letGoAtOnce === undefined) work(request);
    } else if (options.answersLate === "second" ? request.id % 2 === 0 : options.answersLate)
      timers.push(() => answer(request));
    else answer(request);
  };

  const read = (): void => {
    reads++;
    counter += 2;
  };

  const steps: (() => void)[] = [
    () => {
      const link = arrivals.splice(pick(arrivals.length), 1)[0];
      if (link === undefined) return;
      read();
      const pipeline = Array.from({ length: options.pipelined ?? 1 }, (): Request => {
        return { id: ++started, link, turnId: doer().turnId!, callsDone: 0, callsMade: 0, isReady: false };
      });
      pipelines.set(link, [...pipeline]);
      link.serverReads(doer(), pipeline.map(({ id }) => get(`/r${id}`)).join(""));
      counter++;
      if (pipeline.some(isBehind)) {
        for (const request of pipeline) goOnBehind(request);
        return;
      }
      for (const request of pipeline)
        for (let index = 0; index < (options.isParallel ? calls : 1); index++) work(request);
    },
    () => {
      const reply = replies.splice(pick(replies.length), 1)[0];
      if (reply === undefined) return;
      read();
      if (reply.waiting === shared) shared = undefined;
      reply.link.clientReads(doer(), ok());
      if (isBehind(reply.waiting.request)) {
        idle.push(reply.link);
        isOverBehind(reply.waiting);
        return;
      }
      const next = queue.shift();
      if (reply.waiting.request === nobody) reporting.push(reply.link);
      else if (next === undefined) idle.push(reply.link);
      else {
        if (options.awaitsPool) resume(next.request);
        write(reply.link, next);
      }
      for (const request of [reply.waiting.request, ...reply.waiting.others]) {
        resume(request);
        proceed(request);
      }
    },
    () => {
      const opened = connected.splice(pick(connected.length), 1)[0];
      if (opened === undefined) return;
      const waiting = opened.waiting ?? queue.shift();
      if (waiting === undefined) idle.push(opened.link);
      else write(opened.link, waiting);
    },
    () => {
      const done = finishedFiles.splice(pick(finishedFiles.length), 1)[0];
      if (done === undefined) return;
      read();
      done();
    },
    () => {
      phase = TurnPhase.other;
      for (const fire of timers.splice(0, 1 + pick(2))) fire();
      if (options.reports) callTogether(waitingForTimer.splice(0, options.letGoAtOnce));
      phase = TurnPhase.poll;
    },
  ];

  while (started < options.requests || active > 0 || lingering > 0) {
    if (started + arrivals.length < options.requests && active < options.inFlight && random() < 0.5) {
      arrivals.push(servers.splice(pick(servers.length), 1)[0]!);
      active++;
    }
    steps[pick(steps.length)]!();
    host.pass(0.02);
  }
  host.pass(10_000);
  host.end();
  return score(host);
}
