/** Goroutines of a pool that do the jobs of requests, and hand-overs as the kernel tells them. True causes are in the paths. */
import { CauseKind, EventKind, HandoverWay, UnitKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { get, Host, type Link, ok } from "./host.ts";
import { generator, lose, type Score, score } from "./simulation.ts";

export interface HandoverOptions {
  readonly seed: number;
  readonly concurrency: number;
  readonly requests: number;
  readonly workers: number;
  /** Of the channel of jobs. 0: none. */
  readonly capacity: number;
  readonly jobsPerRequest?: number;
  readonly callsPerJob?: number;
  /** Share of results that come before anybody waits for them. */
  readonly unseenResults?: number;
  /** Share of jobs that make no call. */
  readonly jobsWithoutCall?: number;
  /** A worker makes one call for all that is queued. */
  readonly batches?: boolean;
  /** What is handed over says only that there is a job; the worker takes the oldest. */
  readonly signalsOnly?: boolean;
  /** Share of calls after which the worker hands a token to whoever waits for one, another request's goroutine. */
  readonly tokens?: number;
  /** Share of steps in which a worker calls on its own account, while it waits for a job. */
  readonly pings?: number;
  /** Share of socket events, and of hand-overs, that get lost or come twice. */
  readonly lost?: number;
  readonly doubled?: number;
  /** Of lost hand-overs the kernel tells that they were. */
  readonly tellsLost?: boolean;
  /** The call is answered before the worker has parked: who made it is known when it gets the answer. */
  readonly unknownCallers?: number;
  /** Requests make the goroutines of the pool: the creator of each is known. */
  readonly madeByRequests?: boolean;
}

const TGID = 500;
/** Of what is handed over. */
const JOB_TYPE = 0x70_0000;
const POOL_PC = 0x40_1000;
const SERVE_PC = 0x40_2000;

interface Request {
  readonly id: number;
  readonly link: Link;
  readonly goroutine: number;
  jobsToGive: number;
  jobsOpen: number;
  calls: number;
}

interface Worker {
  readonly goid: number;
  readonly creator: number;
  readonly upstream: Link;
  jobs: Request[];
  callsLeft: number;
  isCalling: boolean;
}

export function simulateHandovers(options: HandoverOptions): Score {
  const random = generator(options.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const chance = (share: number | undefined): boolean => share !== undefined && random() < share;
  const host = new Host();
  lose(host, options, random);
  let lost = 0;
  const links = Array.from({ length: options.concurrency }, () => host.connect({ only: "server" }));
  const idle = links.map((link, index) => ({ link, goroutine: 1000 + index }));
  const workers: Worker[] = [];
  const parked: Worker[] = [];
  const queue: Request[] = [];
  const senders: Request[] = [];
  const active: Request[] = [];
  let started = 0;

  const edge = (from: [number, number], to: [number, number], way: HandoverWay): void => {
    if (chance(options.lost)) {
      if (options.tellsLost) lost++;
      return;
    }
    for (let time = chance(options.doubled) ? 2 : 1; time > 0; time--)
      host.engine.handover({
        header: { kind: EventKind.handover, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
        fromId: from[0],
        fromCreator: creatorOf(from[0]),
        fromReadNs: 0,
        fromStartPc: from[1],
        toId: to[0],
        toCreator: creatorOf(to[0]),
        toReadNs: 0,
        toStartPc: to[1],
        valueType: way === HandoverWay.gives || way === HandoverWay.givesBuffered ? JOB_TYPE : 0,
        way,
        lost,
      });
  };
  const creatorOf = (goid: number): number => workers.find((worker) => worker.goid === goid)?.creator ?? 0;
  const serving = ({ goroutine }: { goroutine: number }): [number, number] => [goroutine, SERVE_PC];
  const pooled = ({ goid }: Worker): [number, number] => [goid, POOL_PC];
  const by = (coroutineId: number, over: Partial<Doer> = {}): Doer => ({
    tgid: TGID,
    pid: TGID + pick(4),
    coroutineId,
    ...over,
  });

  const begin = (worker: Worker, request: Request): void => {
    worker.jobs.push(request);
    worker.callsLeft = chance(options.jobsWithoutCall) ? 0 : (options.callsPerJob ?? 1);
  };

  /** A request has a job. @returns false: its goroutine waits until somebody takes it */
  const give = (request: Request): boolean => {
    const worker = parked.shift();
    if (worker !== undefined) {
      edge(serving(request), pooled(worker), options.capacity > 0 ? HandoverWay.givesBuffered : HandoverWay.gives);
      if (options.signalsOnly && queue.length > 0) {
        queue.push(request);
        begin(worker, queue.shift()!);
      } else begin(worker, request);
      return true;
    }
    const isQueued = queue.length < options.capacity || options.signalsOnly === true;
    (isQueued ? queue : senders).push(request);
    return isQueued;
  };

  const take = (worker: Worker): void => {
    const next = queue.shift();
    if (next !== undefined) begin(worker, next);
    const sender = senders[0];
    if (sender !== undefined && (next !== undefined || options.capacity === 0)) {
      senders.shift();
      sender.jobsToGive--;
      // From a channel with a buffer it was somebody else's that the worker got, and nothing is told.
      if (next !== undefined) queue.push(sender);
      else {
        edge(serving(sender), pooled(worker), HandoverWay.gives);
        begin(worker, sender);
      }
    }
    if (worker.jobs.length === 0) parked.push(worker);
    else if (options.batches) while (queue.length > 0 && worker.jobs.length < 4) worker.jobs.push(queue.shift()!);
  };

  const call = (worker: Worker, path: string): void => {
    const isUnknown = chance(options.unknownCallers);
    const known = isUnknown ? {} : { unitKind: UnitKind.goroutine, unitId: worker.goid };
    const creator = worker.creator === 0 ? {} : { causeKind: CauseKind.goCreator, causeId: worker.creator };
    worker.upstream.send(by(5000 + worker.goid, { ...known, ...(isUnknown ? {} : creator) }), get(path));
    worker.isCalling = true;
  };

  const finish = (worker: Worker): void => {
    for (const request of worker.jobs.splice(0)) {
      const waits = request.jobsToGive === 0 && !chance(options.unseenResults);
      if (waits) edge(pooled(worker), serving(request), HandoverWay.releases);
      request.jobsOpen--;
    }
    take(worker);
  };

  const proceed = (worker: Worker): void => {
    if (worker.isCalling) {
      worker.isCalling = false;
      worker.upstream.clientReads(by(6000 + worker.goid), ok());
      edge([6000 + worker.goid, 1], pooled(worker), HandoverWay.answers);
      const other = active[pick(active.length)];
      if (chance(options.tokens) && other !== undefined && !worker.jobs.includes(other))
        edge(pooled(worker), serving(other), HandoverWay.givesBuffered);
    } else if (worker.jobs.length > 0 && worker.callsLeft > 0) {
      worker.callsLeft--;
      const [request, second] = worker.jobs;
      call(worker, second === undefined ? `/r${request!.id}.${++request!.calls}` : "/background");
    } else if (worker.jobs.length > 0) finish(worker);
    else if (chance(options.pings)) call(worker, "/background");
  };

  const start = (): void => {
    const free = idle.shift();
    if (free === undefined) return;
    const jobs = options.jobsPerRequest ?? 1;
    const request: Request = { id: ++started, ...free, jobsToGive: jobs, jobsOpen: jobs, calls: 0 };
    const context = 0xc000_0000 + request.goroutine * 96;
    request.link.serverReads(
      by(request.goroutine, { causeKind: CauseKind.goConnection, causeId: context }),
      get(`/r${request.id}`),
    );
    active.push(request);
    if (workers.length < options.workers) {
      const creator = options.madeByRequests ? request.goroutine : 0;
      const upstream = host.connect({ only: "client", serverPort: 9000 });
      const worker: Worker = {
        goid: 100 + workers.length,
        creator,
        upstream,
        jobs: [],
        callsLeft: 0,
        isCalling: false,
      };
      workers.push(worker);
      parked.push(worker);
    }
  };

  while (started < options.requests || active.length > 0) {
    const request = active[pick(active.length)];
    const busy =
      options.pings === undefined ? workers.filter(({ jobs, isCalling }) => jobs.length > 0 || isCalling) : workers;
    const worker = busy[pick(busy.length)];
    if (started < options.requests && random() < 0.3) start();
    else if (request !== undefined && request.jobsToGive > 0 && !senders.includes(request) && random() < 0.7) {
      if (give(request)) request.jobsToGive--;
    } else if (request?.jobsOpen === 0 && random() < 0.7) {
      request.link.answer(by(request.goroutine), ok());
      active.splice(active.indexOf(request), 1);
      idle.push({ link: request.link, goroutine: request.goroutine });
    } else if (worker !== undefined) proceed(worker);
    host.pass(0.05);
  }
  host.pass(10_000);
  host.end();
  return score(host);
}
