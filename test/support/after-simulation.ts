/**
 * Programs that exist only here and go on when they have answered: paths name true causes as in simulation.ts. A call that
 * is nobody's (a ping, a batch of many requests) goes to `/background`.
 */
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { get, Host, type Link, ok } from "./host.ts";
import { generator, lose, type Score, score } from "./simulation.ts";

/** Who makes the calls that follow an answer. */
export type Follower =
  /** The unit that has read and answered the request. */
  | "goroutine"
  | "greenlet"
  | "virtual_thread"
  | "pool_job"
  /** A thread for each connection. */
  | "connection_thread"
  /** A process that serves one connection after the other. */
  | "sequential"
  /** Threads that read, answer, and take what is queued, whoever has queued it. */
  | "pool_threads"
  /** The same, of which the last to become idle is the first to be asked. */
  | "stacked_threads"
  /** A task that the request spawns. */
  | "child"
  /** The same, which calls several times. */
  | "calling_child"
  /** A goroutine that the handler starts. */
  | "child_goroutine"
  /** Workers that are given the request's context, whose address comes back when both are done with it. */
  | "context_workers"
  /** Workers: whoever finds none idle makes one, and they stay. */
  | "growing_pool"
  /** Workers: the first request makes all of them. */
  | "pool_at_once"
  /** A task that the first request makes calls for several requests at a time. */
  | "batcher"
  /** A task that the first request of a connection makes calls for all of the connection. */
  | "connection_helper"
  /** The same, which the handler of the first does not need. */
  | "connection_session"
  /** The unit answers from its job, and the pool's next job calls for another request that was queued. */
  | "shared_pool";

export interface AfterOptions {
  readonly follower: Follower;
  readonly seed: number;
  readonly inFlight: number;
  readonly requests: number;
  /** Share of the requests that call at all. */
  readonly calling?: number;
  readonly lost?: number;
  readonly doubled?: number;
  /** Share of the steps after which, a while later, a task of the program's own calls; its first request has made it. */
  readonly pings?: number;
  /** Each request comes on a connection of its own. */
  readonly closes?: boolean;
}

const TGID = 700;
const WORKERS = 8;
const BATCH = 5;

interface Server {
  readonly link: Link;
  readonly index: number;
  helper: number;
}

interface Request {
  readonly id: number;
  readonly server: Server;
  readonly unit: Doer;
  child: number;
}

interface Job {
  readonly path: string;
  /** Who makes the call. */
  readonly by: Doer;
  done(): void;
}

export function simulateAfter(options: AfterOptions): Score {
  const { follower } = options;
  const isThreadPool = follower === "pool_threads" || follower === "stacked_threads";
  const random = generator(options.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const host = new Host();
  lose(host, options, random);
  const upstreams: Link[] = [];
  const idle: Server[] = [];
  const active: Request[] = [];
  const jobs: Job[] = [];
  const replies: { link: Link; by: Doer; done: () => void }[] = [];
  /** Of pools: workers that have nothing to do, and what waits for one. */
  const idleWorkers: number[] = [];
  const queue: string[] = [];
  let workers = 0;
  let batched = 0;
  let batcher = 0;
  let pinger = 0;
  const idleThreads = Array.from({ length: WORKERS }, (_, index) => TGID + index);
  let nextUnit = 1000;
  let connections = 0;
  let started = 0;
  let isBusy = false;

  const by = (unitKind: number, unitId: number): Doer => ({ tgid: TGID, pid: TGID + pick(4), unitKind, unitId });
  const task = (unitId: number): Doer => by(UnitKind.tokioTask, unitId);
  /** A task that calls by way of the client connection's. */
  const calling = (unitId: number): Doer => ({ ...task(500), causeKind: CauseKind.waker, causeId: unitId });

  const unitOf = (server: Server): Doer => {
    switch (follower) {
      case "goroutine":
        return { tgid: TGID, coroutineId: 100 + server.index };
      case "child_goroutine":
      case "context_workers":
        return {
          tgid: TGID,
          coroutineId: 100 + server.index,
          causeKind: CauseKind.goConnection,
          causeId: 0xc000 + server.index * 96,
        };
      case "connection_thread":
        return { tgid: TGID, pid: TGID + server.index, isBlocking: true };
      case "sequential":
        return { tgid: TGID, pid: TGID, isBlocking: true };
      case "pool_threads":
        return { tgid: TGID, pid: idleThreads.splice(pick(idleThreads.length), 1)[0]!, isBlocking: true };
      case "stacked_threads":
        return { tgid: TGID, pid: idleThreads.pop()!, isBlocking: true };
      case "greenlet":
        return { ...by(UnitKind.greenlet, 0x7f00_0000 + server.index * 64), pid: TGID };
      case "virtual_thread":
        return by(UnitKind.jvmVirtualThread, nextUnit++);
      case "pool_job":
      case "shared_pool":
        // Addresses come back.
        return { ...by(UnitKind.pythonJob, addresses.shift()!), pid: TGID + server.index };
      default:
        return task(100 + server.index);
    }
  };

  const spawn = (from: number): number => {
    const created = nextUnit++;
    host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
      fromId: from,
      toId: created,
      fromCreation: from,
      work: 0,
      edge: UnitEdge.creates,
      unitKind: UnitKind.tokioTask,
    });
    return created;
  };

  const send = ({ path, by: doer, done }: Job): void => {
    const link = upstreams.splice(pick(upstreams.length), 1)[0] ?? host.connect({ only: "client", serverPort: 9000 });
    link.send(doer, get(path));
    replies.push({ link, by: doer, done });
  };

  const nothing = (): void => {};
  /** Pool's jobs that are not over have addresses of their own. */
  const addresses = Array.from({ length: 64 }, (_, index) => 0x7f00_0000 + index * 64);

  /** A pool's worker takes what waits longest. */
  const work = (worker: number): void => {
    const path = queue.shift();
    if (path === undefined) idleWorkers.push(worker);
    else jobs.push({ path, by: calling(worker), done: () => work(worker) });
  };

  /** Before its answer the request makes whom it needs. */
  const prepare = (request: Request): void => {
    const server = 100 + request.server.index;
    if (pinger === 0 && options.pings !== undefined) pinger = spawn(server);
    if (follower === "child" || follower === "calling_child") request.child = spawn(server);
    else if (follower === "child_goroutine") request.child = nextUnit++;
    else if (follower === "context_workers") request.child = addresses.shift()!;
    else if (follower === "pool_at_once" && workers === 0) {
      for (workers = 0; workers < WORKERS; workers++) idleWorkers.push(spawn(server));
    } else if (follower === "growing_pool") {
      queue.push(`/r${request.id}.1`);
      let worker = idleWorkers.shift();
      if (worker === undefined && workers < WORKERS) {
        workers++;
        worker = spawn(server);
      }
      if (worker !== undefined) work(worker);
    } else if (follower === "batcher" && batcher === 0) batcher = spawn(server);
    else if ((follower === "connection_helper" || follower === "connection_session") && request.server.helper === 0)
      request.server.helper = spawn(server);
  };

  /** What follows the answer. */
  const follow = (request: Request, isFirst: boolean): (() => void) => {
    const { id, unit, server } = request;
    const path = `/r${id}.1`;
    const isCalling = options.calling === undefined || random() < options.calling;
    const toIdle = (): void => {
      if (options.closes || follower === "sequential") server.link.serverCloses().close();
      else idle.push(server);
      if (follower === "sequential") isBusy = false;
    };
    if (isThreadPool) {
      idleThreads.push(unit.pid!);
      if (!isCalling) return toIdle;
      return () => {
        toIdle();
        queue.push(path);
      };
    }
    if (!isCalling) {
      if (unit.unitKind === UnitKind.pythonJob) addresses.unshift(unit.unitId!);
      if (follower === "context_workers") addresses.unshift(request.child);
      return toIdle;
    }
    switch (follower) {
      case "child":
        return () => {
          jobs.push({ path, by: calling(request.child), done: nothing });
          toIdle();
        };
      case "calling_child":
        return () => {
          const again = { path: `/r${id}.2`, by: calling(request.child), done: nothing };
          jobs.push({ path, by: calling(request.child), done: () => jobs.push(again) });
          toIdle();
        };
      case "child_goroutine":
        // After the next read on the connection the kernel can't tell whose it is.
        return () => {
          const creator = { causeKind: CauseKind.goCreator, causeId: unit.coroutineId! };
          jobs.push({ path, by: { tgid: TGID, coroutineId: request.child, ...creator }, done: toIdle });
        };
      case "context_workers":
        return () => {
          const cause = { ...unit, causeKind: CauseKind.goEndedContext, causeRequest: request.child };
          const by = { ...cause, coroutineId: 900 + pick(WORKERS) };
          jobs.push({ path, by, done: () => addresses.unshift(request.child) });
          toIdle();
        };
      case "growing_pool":
        return toIdle;
      case "pool_at_once":
        return () => {
          queue.push(path);
          const worker = idleWorkers.shift();
          if (worker !== undefined) work(worker);
          toIdle();
        };
      case "batcher":
        return () => {
          if (++batched % BATCH === 0) jobs.push({ path: "/background", by: calling(batcher), done: nothing });
          toIdle();
        };
      case "connection_helper":
      case "connection_session":
        return () => {
          if (follower === "connection_helper" || !isFirst)
            jobs.push({ path, by: calling(server.helper), done: nothing });
          toIdle();
        };
      case "shared_pool":
        return () => {
          addresses.unshift(unit.unitId!);
          const job = { ...unit, unitId: addresses.shift()!, pid: TGID + 900 + pick(4) };
          jobs.push({ path, by: job, done: () => addresses.unshift(job.unitId) });
          toIdle();
        };
      default:
        // It reads the next request when it has done.
        return () => {
          const done = (): void => {
            if (unit.unitKind === UnitKind.pythonJob) addresses.unshift(unit.unitId!);
            toIdle();
          };
          jobs.push({ path, by: unit, done });
        };
    }
  };

  const start = (): void => {
    if (isBusy || (isThreadPool && idleThreads.length === 0)) return;
    isBusy = follower === "sequential";
    if (idle.length === 0) idle.push({ link: host.connect({ only: "server" }), index: connections++, helper: 0 });
    const server = idle.splice(pick(idle.length), 1)[0]!;
    const unit = unitOf(server);
    const request: Request = { id: ++started, server, unit, child: 0 };
    server.link.serverReads(unit, get(`/r${request.id}`));
    active.push(request);
    prepare(request);
  };

  const answer = (): void => {
    const request = active.splice(pick(active.length), 1)[0];
    if (request === undefined) return;
    const isFirst = request.server.helper !== 0 && !seen.has(request.server);
    seen.add(request.server);
    const { unit } = request;
    const isNamed = follower === "context_workers";
    request.server.link.answer(isNamed ? { ...unit, causeKind: 0, causeRequest: request.child } : unit, ok());
    follow(request, isFirst)();
  };
  const seen = new Set<Server>();

  const call = (): void => {
    if (isThreadPool && queue.length > 0 && idleThreads.length > 0) {
      const pid = follower === "stacked_threads" ? idleThreads.pop()! : idleThreads.shift()!;
      const thread = { tgid: TGID, pid, isBlocking: true };
      send({ path: queue.shift()!, by: thread, done: () => idleThreads.push(thread.pid) });
    }
    const job = jobs.splice(pick(jobs.length), 1)[0];
    if (job !== undefined) send(job);
  };

  const reply = (): void => {
    const read = replies.splice(pick(replies.length), 1)[0];
    if (read === undefined) return;
    read.link.clientReads(read.by.causeKind === CauseKind.waker ? task(500) : read.by, ok());
    upstreams.push(read.link);
    read.done();
  };

  const steps = [answer, call, reply];
  while (started < options.requests || active.length + jobs.length + replies.length + queue.length > 0) {
    if (pinger !== 0 && random() < options.pings!) {
      host.pass(600);
      send({ path: "/background", by: calling(pinger), done: nothing });
    }
    if (started < options.requests && active.length < options.inFlight && random() < 0.4) start();
    else steps[pick(steps.length)]!();
    host.pass(active.length === 0 && random() < 0.1 ? 20 : 0.05);
  }
  host.pass(10_000);
  host.end();
  return score(host);
}
