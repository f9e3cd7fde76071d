/**
 * Programs of CPython that exist only here: tasks of asyncio or greenlets that are made by requests, and jobs of
 * ThreadPoolExecutor, told as its uprobes tell them (bpf/unit/python.bpf.h). Contexts, greenlets and jobs are addresses, which
 * come back at once for the next one.
 */
import { CauseKind, EventKind, UnitEdge, type UnitEdgeEvent, UnitKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { get, Host, type Link, ok } from "./host.ts";
import { generator, lose, type Score, score } from "./simulation.ts";

export type Shape =
  /** The request waits for three tasks, each of which calls. */
  | "gather"
  /** For a task that makes the task that calls. */
  | "nested"
  /** It goes on with a task that calls behind the answer. */
  | "after"
  /** That makes several calls, one after the other. */
  | "after_sequence"
  /** It queues a job and goes on with a task that takes jobs as long as there are any: mostly its own, sometimes the next one's, too. */
  | "drainers"
  /** Tasks that live for ever take what requests queue; each of the first requests makes one, as pools grow. */
  | "growing_pool"
  /** Each request makes a task that lives for ever and calls again and again, beside the one that it waits for. */
  | "sessions"
  /** Threads that read and answer; jobs of a pool make the calls. */
  | "jobs";

export interface PythonOptions {
  readonly shape: Shape;
  readonly seed: number;
  readonly inFlight: number;
  readonly requests: number;
  /** Each request has a task of its own (uvicorn), else each connection has (aiohttp). */
  readonly taskPerRequest?: boolean;
  /** Greenlets instead of tasks: the one that reads a request serves it. */
  readonly greenlets?: boolean;
  /** Tasks of Trio: each connection has one, which reads what it serves, under a context that was copied for it. */
  readonly trio?: boolean;
  /** So many requests come at once on a connection, and are answered one by one. */
  readonly pipelined?: number;
  /** Each but the first is begun by the one that has answered the one before it (uvicorn), else by who has read it. */
  readonly beginsNext?: boolean;
  /** Share of the events that get lost, and that come twice. */
  readonly lost?: number;
  readonly doubled?: number;
  /** Share of the makings that are told when something else has been told. */
  readonly late?: number;
}

const TGID = 800;
const CHILDREN = 3;
const POOL = 8;

interface Unit {
  readonly kind: number;
  readonly address: number;
  readonly creation: number;
  readonly pid: number;
}

interface Server {
  readonly link: Link;
  readonly reader: Unit;
  readonly pid: number;
  task: Unit | undefined;
  /** What was read too early. */
  readonly behind: number[];
}

interface Request {
  readonly id: number;
  readonly server: Server;
  readonly unit: Unit;
  calls: number;
  waits: number;
}

interface Job {
  readonly by: Unit;
  readonly path: string;
  done(): void;
}

class Addresses {
  readonly #free: number[] = [];
  #next: number;

  constructor(first: number) {
    this.#next = first;
  }

  take(): number {
    const next = this.#free.pop();
    if (next !== undefined) return next;
    this.#next += 64;
    return this.#next;
  }

  give(address: number): void {
    this.#free.push(address);
  }
}

export function simulatePython(options: PythonOptions): Score {
  const { shape } = options;
  const random = generator(options.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const host = new Host();
  lose(host, options, random);
  const contexts = new Addresses(0x7f10_0000);
  const workItems = new Addresses(0x7f20_0000);
  const upstreams: Link[] = [];
  const idle: Server[] = [];
  const active: Request[] = [];
  const jobs: Job[] = [];
  const replies: { readonly link: Link; readonly job: Job }[] = [];
  const late: UnitEdgeEvent[] = [];
  const queue: Job[] = [];
  const waitingWorkers: Unit[] = [];
  const starting: Unit[] = [];
  const sessions: { readonly by: Unit; readonly request: Request; hasCalled: boolean }[] = [];
  const poolThreads = Array.from({ length: POOL }, (_, index) => TGID + 500 + index);
  const trio = options.trio === true;
  const hasTask = shape !== "jobs" && !options.greenlets && !trio;
  let connections = 0;
  let workers = 0;
  let started = 0;

  const doer = ({ kind, address, creation, pid }: Unit): Doer => ({
    tgid: TGID,
    pid,
    ...(kind !== UnitKind.none && { unitKind: kind, unitId: address }),
    ...(creation !== 0 && { causeKind: CauseKind.creation, causeId: creation, unitParent: trio ? 1 : 0 }),
    isBlocking: kind === UnitKind.none,
  });

  const tell = (event: UnitEdgeEvent): void => {
    if (random() < (options.lost ?? 0)) return;
    host.engine.unitEdge(event);
    if (random() < (options.doubled ?? 0)) host.engine.unitEdge(event);
  };

  const make = (maker: Unit, kind: number, work: number): Unit => {
    host.nowNs += 1000;
    const creation = host.nowNs;
    const event = {
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: creation, tgid: TGID, pid: maker.pid },
      fromId: maker.kind === UnitKind.none ? maker.pid : maker.address,
      toId: creation,
      fromCreation: maker.creation,
      work,
      edge: UnitEdge.creates,
      unitKind: maker.kind,
    };
    if (random() < (options.late ?? 0)) late.push(event);
    else tell(event);
    const address = kind === UnitKind.pythonJob ? workItems.take() : contexts.take();
    return { kind, address, creation, pid: kind === UnitKind.pythonJob ? poolThreads[pick(POOL)]! : TGID };
  };
  const taskKind = options.greenlets ? UnitKind.greenlet : UnitKind.pythonContext;
  const makeTask = (maker: Unit, work: number): Unit => make(maker, taskKind, work);
  const end = ({ kind, address }: Unit): void => (kind === UnitKind.pythonJob ? workItems : contexts).give(address);

  const callBy = (request: Request, by: Unit, done: () => void): void => {
    jobs.push({ by, path: `/r${request.id}.${++request.calls}`, done });
  };
  const callAndEnd = (request: Request, by: Unit): void => {
    request.waits++;
    callBy(request, by, () => {
      request.waits--;
      end(by);
    });
  };

  const takeNext = (worker: Unit): void => {
    const job = queue.shift();
    if (job === undefined) waitingWorkers.push(worker);
    else
      jobs.push({
        ...job,
        by: worker,
        done: () => {
          job.done();
          takeNext(worker);
        },
      });
  };

  const drain = (by: Unit): void => {
    const job = queue.shift();
    if (job === undefined) end(by);
    else jobs.push({ ...job, by, done: () => drain(by) });
  };

  /** Tasks begin soon, but what the loop has read meanwhile goes first. */
  const startDrainers = (): void => {
    if (random() < 0.3) reply();
    for (const drainer of starting.splice(0)) drain(drainer);
  };

  /** What goes on behind the answer, made but not begun. */
  const follow = (request: Request, follower: Unit): void => {
    if (shape === "drainers") {
      queue.push({ by: follower, path: `/r${request.id}.${++request.calls}`, done: () => {} });
      starting.push(follower);
      return;
    }
    let left = shape === "after_sequence" ? CHILDREN : 1;
    const next = (): void => {
      if (left-- > 0) callBy(request, follower, next);
      else end(follower);
    };
    next();
  };

  const enqueue = (request: Request): void => {
    if (workers < POOL) {
      workers++;
      waitingWorkers.push(makeTask(request.unit, 0x4000));
    }
    request.waits++;
    queue.push({ by: request.unit, path: `/r${request.id}.${++request.calls}`, done: () => request.waits-- });
    const worker = waitingWorkers.shift();
    if (worker !== undefined) takeNext(worker);
  };

  const handle = (request: Request): void => {
    const { unit } = request;
    if (shape === "gather") for (let index = 0; index < CHILDREN; index++) callAndEnd(request, makeTask(unit, 0x1000));
    else if (shape === "nested") {
      const child = makeTask(unit, 0x1000);
      callAndEnd(request, makeTask(child, 0x2000));
      end(child);
    } else if (shape === "growing_pool") enqueue(request);
    else if (shape === "jobs")
      for (let index = 0; index < CHILDREN; index++) callAndEnd(request, make(unit, UnitKind.pythonJob, 0x3000));
    else if (shape === "sessions") {
      sessions.push({ by: makeTask(unit, 0x5000), request, hasCalled: false });
      callAndEnd(request, makeTask(unit, 0x1000));
    }
  };

  const newServer = (): Server => {
    const index = connections++;
    const pid = shape === "jobs" ? TGID + 1 + index : TGID;
    const kind = shape === "jobs" ? UnitKind.none : taskKind;
    const loop = { kind, address: kind === UnitKind.none ? 0 : contexts.take(), creation: 0, pid };
    const reader = trio ? makeTask(loop, 7) : loop;
    return { link: host.connect({ only: "server" }), reader, pid, task: undefined, behind: [] };
  };

  const start = (): void => {
    if (idle.length === 0) idle.push(newServer());
    const server = idle.splice(pick(idle.length), 1)[0]!;
    for (let count = options.pipelined ?? 1; count > 0; count--) server.behind.push(++started);
    server.link.serverReads(doer(server.reader), server.behind.map((id) => get(`/r${id}`)).join(""));
    serve(server);
  };

  const serve = (server: Server, beginner = server.reader): void => {
    const id = server.behind.shift()!;
    if (hasTask && (server.task === undefined || options.taskPerRequest)) server.task = makeTask(beginner, 7);
    const request = { id, server, unit: server.task ?? server.reader, calls: 0, waits: 0 };
    active.push(request);
    handle(request);
  };

  const answer = (): void => {
    const ready = active.filter(({ waits }) => waits === 0);
    const request = ready[pick(ready.length)];
    if (request === undefined) return;
    active.splice(active.indexOf(request), 1);
    const { server, unit } = request;
    const makesBefore = options.pipelined === undefined && !trio;
    const goesOn = shape === "after" || shape === "after_sequence" || shape === "drainers";
    const makeFollower = () => (goesOn ? makeTask(unit, 0x1000) : undefined);
    const before = makesBefore ? makeFollower() : undefined;
    server.link.answer(doer(unit), ok());
    const follower = before ?? makeFollower();
    if (follower !== undefined) follow(request, follower);
    if (options.taskPerRequest && hasTask) end(unit);
    if (server.behind.length > 0) serve(server, options.beginsNext && hasTask ? unit : server.reader);
    else idle.push(server);
  };

  const call = (): void => {
    const job = jobs.splice(pick(jobs.length), 1)[0];
    if (job === undefined) return;
    const link = upstreams.splice(pick(upstreams.length), 1)[0] ?? host.connect({ only: "client", serverPort: 9000 });
    link.send(doer(job.by), get(job.path));
    replies.push({ link, job });
  };

  const reply = (): void => {
    const read = replies.splice(pick(replies.length), 1)[0];
    if (read === undefined) return;
    read.link.clientReads(doer(read.job.by), ok());
    upstreams.push(read.link);
    read.job.done();
  };

  const ping = (): void => {
    const session = sessions[pick(sessions.length)];
    if (session === undefined || random() > 0.2) return;
    // Its first call is why it was made.
    const path = session.hasCalled ? "/background" : `/r${session.request.id}.${++session.request.calls}`;
    session.hasCalled = true;
    jobs.push({ by: session.by, path, done: () => {} });
  };

  const steps = [answer, call, reply, ping];
  while (started < options.requests || active.length + jobs.length + replies.length > 0) {
    if (started < options.requests && active.length < options.inFlight && random() < 0.4) start();
    else steps[pick(started < options.requests ? steps.length : steps.length - 1)]!();
    if (starting.length > 0) startDrainers();
    for (const event of late.splice(0, pick(late.length + 1))) tell(event);
    host.pass(active.length === 0 && random() < 0.1 ? 20 : 0.05);
  }
  host.pass(10_000);
  host.end();
  return score(host);
}
