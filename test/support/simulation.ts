/**
 * Programs that exist only here, whose true causes are known: the path of a call names the request that made it
 * (`/r7.1` was called by whoever serves `/r7`), and the joiner never looks at paths.
 */
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../src/bpf/layout.gen.ts";
import { SpanKind } from "../../src/mapping/span.ts";
import type { Doer } from "./events.ts";
import { attribute, get, Host, type Link, ok } from "./host.ts";

/** How a program's runtime gives its work to threads and units. */
export type Runtime =
  | "thread_pool"
  /** The same, with reads that sleep. */
  | "blocking_threads"
  /** A loop over sockets whose reads would sleep. */
  | "blocking_loop"
  /** Each step of a request is a job of one pool, which reads by jobs that sleep. */
  | "blocking_stages"
  | "goroutines"
  /** A pool of goroutines makes the calls, with the contexts of the requests; a goroutine of the connection writes. */
  | "context_pool"
  /** Goroutines that are made for their request make the calls, and write themselves. */
  | "goroutine_children"
  /** Tasks of tokio; a task of its own writes for each client connection, woken by the one that calls. */
  | "tasks_and_connections"
  | "loop"
  | "loop_timer_before_call"
  | "loop_timers"
  | "asyncio"
  | "reader_and_workers"
  | "stealing_threads"
  /** An event loop for each connection as a server, which sends its calls by whichever loop has a connection for them. */
  | "shared_loops"
  /** One reads; the loops of the client's connections call, and answer in the callbacks of what they have called. */
  | "callback_loops"
  | "greenlets";

export interface SimulationOptions {
  readonly runtime: Runtime;
  readonly seed: number;
  readonly concurrency: number;
  readonly requests: number;
  readonly callsPerRequest?: number;
  /** Share of events that get lost, and that come twice. */
  readonly lost?: number;
  readonly doubled?: number;
  /** Calls that the program makes on its own account, for each request. */
  readonly background?: number;
  readonly host?: Host;
}

export interface Score {
  readonly right: number;
  readonly wrong: number;
  readonly none: number;
  readonly host: Host;
  readonly wrongEvidence: readonly string[];
}

const TGID = 500;
const THREADS = 4;

type Step = "read" | "call" | "reply" | "answer";

interface Request {
  readonly id: number;
  readonly link: Link;
  doer: Doer;
  callsLeft: number;
  upstream: Link | undefined;
  calls: number;
  step: "call" | "reply" | "answer";
}

export function simulate(options: SimulationOptions): Score {
  const random = generator(options.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const host = options.host ?? new Host();
  const lossy = <T extends unknown[]>(emit: (...args: T) => void): ((...args: T) => void) => {
    return (...args: T) => {
      if (options.lost !== undefined && random() < options.lost) return;
      emit(...args);
      if (options.doubled !== undefined && random() < options.doubled) emit(...args);
    };
  };
  host.engine.socketData = lossy(host.engine.socketData.bind(host.engine));

  const servers = Array.from({ length: options.concurrency }, () => host.connect({ only: "server" }));
  const idleServers = [...servers];
  const pool: Link[] = [];
  const freeThreads = Array.from({ length: options.concurrency }, (_, index) => TGID + 1 + index);
  const freeContexts = Array.from({ length: options.concurrency }, (_, index) => 0x7f00_0000 + index * 64);
  const active: Request[] = [];
  let started = 0;

  /** Who does the next step of a request. */
  const doerFor = (request: Request, step: Step): Doer => {
    const loop: Doer = { tgid: TGID, pid: TGID };
    switch (options.runtime) {
      case "thread_pool":
        return request.doer;
      case "blocking_threads":
        return { ...request.doer, unitId: 0, isBlocking: true };
      case "blocking_loop":
        return { ...loop, isBlocking: true };
      case "blocking_stages":
        return { tgid: TGID, pid: TGID + pick(THREADS), isBlocking: true };
      case "goroutines":
        return { tgid: TGID, pid: TGID + pick(THREADS), coroutineId: 1000 + request.id };
      case "context_pool":
      case "goroutine_children":
        return goroutineFor(request, step);
      case "tasks_and_connections":
        return taskFor(request, step);
      case "greenlets":
        return { ...loop, unitKind: UnitKind.greenlet, unitId: request.doer.unitId! };
      case "asyncio":
        if (step === "read" || step === "reply") {
          return { ...loop, unitKind: UnitKind.pythonContext, unitId: 0x10_0000 + servers.indexOf(request.link) };
        }
        return { ...loop, unitKind: UnitKind.pythonContext, unitId: request.doer.unitId! };
      case "reader_and_workers":
        return step === "read" ? loop : request.doer;
      case "stealing_threads":
        return { tgid: TGID, pid: TGID + pick(THREADS) };
      case "shared_loops":
        return step === "read" || step === "answer"
          ? loopOf(servers, request.link)
          : loopOf(upstreams, request.upstream!);
      case "callback_loops":
        return step === "read" ? loop : loopOf(upstreams, request.upstream!);
      default:
        return loop;
    }
  };

  /** Loops that have connections of either side. */
  const loopOf = (links: readonly Link[], link: Link): Doer => {
    return { tgid: TGID, pid: TGID + 1 + (links.indexOf(link) % options.concurrency), isWatched: true };
  };

  /** net/http: one goroutine for each connection as a server; the address of its context comes back with another. */
  const goroutineFor = (request: Request, step: Step): Doer => {
    const by: Doer = { tgid: TGID, pid: TGID + pick(THREADS) };
    const connection = servers.indexOf(request.link);
    const goroutine = 1000 + connection;
    if (step === "read")
      return {
        ...by,
        coroutineId: goroutine,
        causeKind: CauseKind.goConnection,
        causeId: 0xc000_0000 + connection * 96,
      };
    if (step === "answer") return { ...by, coroutineId: goroutine };
    if (step === "reply") return { ...by, coroutineId: 6000 + request.id };
    return options.runtime === "goroutine_children"
      ? { ...by, coroutineId: 20_000 + request.id, causeKind: CauseKind.goCreator, causeId: goroutine }
      : {
          ...by,
          coroutineId: 5000 + request.id,
          unitKind: UnitKind.goroutine,
          unitId: 4000 + pick(8),
          causeKind: CauseKind.goContext,
          causeId: 0xc000_0000 + connection * 96,
        };
  };

  const connectionTasks: Link[] = [];
  const taskFor = (request: Request, step: Step): Doer => {
    const by: Doer = { tgid: TGID, pid: TGID + pick(THREADS), unitKind: UnitKind.tokioTask };
    const server = 100 + servers.indexOf(request.link);
    if (step === "read" || step === "answer") return { ...by, unitId: server };
    if (!connectionTasks.includes(request.upstream!)) connectionTasks.push(request.upstream!);
    const unitId = 1000 + connectionTasks.indexOf(request.upstream!);
    // Now and then the one that was served before wakes it late, and who calls now does not need to.
    const waker = random() < 0.1 ? 100 + pick(servers.length) : server;
    return step === "reply" ? { ...by, unitId } : { ...by, unitId, causeKind: CauseKind.newWaker, causeId: waker };
  };
  const answered = lossy((request: Request): void => {
    host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
      fromId: 1000 + connectionTasks.indexOf(request.upstream!),
      toId: 100 + servers.indexOf(request.link),
      fromCreation: 0,
      work: 0,
      edge: UnitEdge.answers,
      unitKind: UnitKind.tokioTask,
    });
  });

  const upstreams: Link[] = [];
  const upstreamFor = (): Link => {
    const idle = pool.splice(pick(pool.length), 1)[0];
    if (idle !== undefined) return idle;
    const opened = host.connect({ only: "client", serverPort: 9000 });
    upstreams.push(opened);
    return opened;
  };

  const call = (request: Request): void => {
    request.upstream = upstreamFor();
    request.calls++;
    request.callsLeft--;
    request.upstream.send(doerFor(request, "call"), get(`/r${request.id}.${request.calls}`));
    request.step = "reply";
  };

  const start = (): void => {
    const link = idleServers.splice(pick(idleServers.length), 1)[0];
    if (link === undefined) return;
    const request: Request = {
      id: ++started,
      link,
      doer: { tgid: TGID, pid: freeThreads.pop()!, unitId: freeContexts.splice(pick(freeContexts.length), 1)[0]! },
      callsLeft: options.callsPerRequest ?? 1,
      upstream: undefined,
      calls: 0,
      step: "call",
    };
    active.push(request);
    link.serverReads(doerFor(request, "read"), get(`/r${request.id}`));
    if (options.runtime === "loop") call(request);
  };

  const answer = (request: Request): void => {
    request.link.answer(doerFor(request, "answer"), ok());
    active.splice(active.indexOf(request), 1);
    idleServers.push(request.link);
    freeThreads.push(request.doer.pid!);
    freeContexts.push(request.doer.unitId!);
  };

  const proceed = (request: Request): void => {
    if (request.step === "call") call(request);
    else if (request.step === "reply") {
      request.upstream!.clientReads(doerFor(request, "reply"), ok());
      if (options.runtime === "tasks_and_connections") answered(request);
      pool.push(request.upstream!);
      request.step = request.callsLeft > 0 ? "call" : "answer";
      // Without timers, what follows from a reply happens before the loop reads anything else.
      if (options.runtime === "loop" || options.runtime === "loop_timer_before_call") {
        if (request.step === "answer") answer(request);
        else if (options.runtime === "loop") call(request);
      }
    } else answer(request);
  };

  while (started < options.requests || active.length > 0) {
    if (options.background !== undefined && random() < options.background) {
      const link = host.connect({ only: "client", serverPort: 9100 });
      link.send({ tgid: TGID, pid: TGID }, get("/background")).clientReads({ tgid: TGID, pid: TGID }, ok());
    }
    // Clients think, too.
    if (active.length === 0 && random() < 0.3) {
      host.pass(0.05);
      continue;
    }
    if (started < options.requests && active.length < options.concurrency && (active.length === 0 || random() < 0.5)) {
      start();
    } else {
      proceed(active[pick(active.length)]!);
    }
    host.pass(0.05);
  }
  host.pass(10_000);
  host.end();
  return score(host);
}

export function score(host: Host): Score {
  const servers = new Map(
    host.spans.filter(({ kind }) => kind === SpanKind.server).map((span) => [span.spanId, attribute(span, "url.path")]),
  );
  let right = 0;
  let wrong = 0;
  let none = 0;
  const wrongEvidence: string[] = [];
  for (const span of host.spans) {
    if (span.kind !== SpanKind.client) continue;
    const path = /\/[^/]*$/.exec(attribute(span, "url.full") ?? "")?.[0] ?? "";
    if (span.parentSpanId === undefined) none += path === "/background" ? 0 : 1;
    else if (servers.get(span.parentSpanId) === path.replace(/\.\d+$/, "") && path !== "/background") right++;
    else {
      wrong++;
      wrongEvidence.push(attribute(span, "sockspan.link.evidence") ?? "");
    }
  }
  return { right, wrong, none, host, wrongEvidence };
}

/** Mulberry32: the same runs every time. */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Of the socket events of `host` a share gets lost, and a share comes twice. */
export function lose(host: Host, options: Pick<SimulationOptions, "lost" | "doubled">, random: () => number): void {
  const { engine } = host;
  const emit = engine.socketData.bind(engine);
  engine.socketData = (...args) => {
    if (random() < (options.lost ?? 0)) return;
    emit(...args);
    if (random() < (options.doubled ?? 0)) emit(...args);
  };
}
