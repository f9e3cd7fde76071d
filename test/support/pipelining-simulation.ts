/**
 * Servers to which each connection brings several requests at a time, and whose true causes are known: `/r7.1` was called by
 * whoever serves `/r7`.
 */
import { EventKind, UnitEdge, UnitKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { get, Host, type Link, ok } from "./host.ts";
import { generator, lose, type Score, score } from "./simulation.ts";

export type Style =
  /** A thread of a pool reads; each request is taken by any thread that is idle, one after the other. */
  | "pool"
  /** A thread for each connection. */
  | "own_thread"
  /** The same, with answers that are kept back until nothing more is to be read, or the buffer is full. */
  | "kept_back"
  /** As `pool`; now and then a thread calls when it has answered. */
  | "goes_on"
  /** One thread handles all requests beside each other; answers wait for their turn. */
  | "loop"
  /** A thread reads for each connection, others handle what it has read beside each other. */
  | "readers_and_workers"
  /** Tasks of tokio, one for each connection. */
  | "tasks"
  /** Goroutines, one for each connection. */
  | "goroutines"
  /** The same, with answers that are kept back (fasthttp). */
  | "goroutines_keep_back";

export interface PipeliningOptions {
  readonly style: Style;
  readonly seed: number;
  readonly connections: number;
  readonly requests: number;
  readonly lost?: number;
  readonly doubled?: number;
}

const TGID = 600;
const READERS = 100;
const WORKERS = 300;
const MAX_BATCH = 4;

interface Request {
  readonly id: number;
  readonly calls: number;
  called: number;
  upstream: Link | undefined;
  isReady: boolean;
  worker: number;
}

interface Served {
  readonly link: Link;
  readonly index: number;
  /** Read and not answered, oldest first. */
  readonly open: Request[];
  /** Answered, and not yet written. */
  kept: number;
}

export function simulatePipelining(options: PipeliningOptions): Score {
  const random = generator(options.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const host = new Host();
  lose(host, options, random);
  const { style } = options;
  const connections: Served[] = Array.from({ length: options.connections }, (_, index) => ({
    link: host.connect({ only: "server", clientAddress: "192.0.2.9" }),
    index,
    open: [],
    kept: 0,
  }));
  const idle = Array.from({ length: options.connections + 2 }, (_, index) => index);
  let started = 0;

  const keepsBack = style === "kept_back" || style === "goroutines_keep_back";
  const hasGoroutines = style === "goroutines" || style === "goroutines_keep_back";
  const isBeside = style === "loop" || style === "readers_and_workers";
  const thread = (pid: number): Doer => ({ tgid: TGID, pid: TGID + pid, isBlocking: true });
  const reader = ({ index }: Served, worker: number): Doer => {
    if (style === "tasks") return { tgid: TGID, pid: TGID + pick(3), unitKind: UnitKind.tokioTask, unitId: 10 + index };
    if (hasGoroutines) return { tgid: TGID, pid: TGID + pick(3), coroutineId: 10 + index };
    if (style === "loop") return { tgid: TGID, pid: TGID };
    return style === "pool" || style === "goes_on" ? thread(WORKERS + worker) : thread(READERS + index);
  };
  const server = (served: Served, { worker }: Request): Doer =>
    style === "readers_and_workers" ? thread(WORKERS + worker) : reader(served, worker);
  const caller = (served: Served, request: Request): Doer =>
    style === "tasks"
      ? { tgid: TGID, pid: TGID + pick(3), unitKind: UnitKind.tokioTask, unitId: 1000 + served.index }
      : server(served, request);

  const read = (served: Served): void => {
    const takesWorker = served.open.length === 0 && style !== "loop";
    if (takesWorker && idle.length === 0) return;
    const count = Math.min(1 + pick(MAX_BATCH - served.open.length), options.requests - started);
    const batch = Array.from({ length: count }, () => ++started);
    const worker = takesWorker ? idle.splice(pick(idle.length), 1)[0]! : (served.open[0]?.worker ?? 0);
    served.link.serverReads(reader(served, worker), batch.map((id) => get(`/r${id}`)).join(""));
    for (const id of batch)
      served.open.push({ id, calls: pick(3), called: 0, upstream: undefined, isReady: false, worker });
  };

  const reply = (served: Served, request: Request): void => {
    request.upstream!.clientReads(caller(served, request), ok());
    request.upstream = undefined;
    if (style !== "tasks") return;
    host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: TGID },
      fromId: 1000 + served.index,
      toId: 10 + served.index,
      fromCreation: 0,
      work: 0,
      edge: UnitEdge.answers,
      unitKind: UnitKind.tokioTask,
    });
  };

  const write = (served: Served, by: Doer, count: number): void => {
    // Some servers write head and body apart.
    if (count === 1 && random() < 0.3) {
      served.link.answer(by, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").answer(by, "ok");
    } else served.link.answer(by, ok().repeat(count));
  };

  const leave = (worker: number): void => {
    if (style !== "loop") idle.push(worker);
  };

  const answered = (served: Served): void => {
    const request = served.open[0]!;
    const by = server(served, request);
    if (keepsBack) {
      served.open.shift();
      served.kept++;
      if (served.open.length === 0 || random() < 0.1) {
        write(served, by, served.kept);
        served.kept = 0;
      }
    } else if (isBeside) {
      const ready = served.open.findIndex(({ isReady }) => !isReady);
      const count = ready < 0 ? served.open.length : ready;
      if (random() < 0.5) write(served, by, count);
      else for (let index = 0; index < count; index++) write(served, by, 1);
      served.open.splice(0, count);
    } else {
      write(served, by, 1);
      served.open.shift();
    }
    if (style === "goes_on" && random() < 0.2)
      host
        .connect({ only: "client", serverPort: 9000 })
        .send(by, get(`/r${request.id}.9`))
        .clientReads(by, ok());
    const [next] = served.open;
    if (next === undefined) leave(request.worker);
    else if (style === "pool" || style === "goes_on") {
      idle.push(request.worker);
      next.worker = idle.splice(pick(idle.length), 1)[0]!;
      for (const each of served.open) each.worker = next.worker;
    }
  };

  const proceed = (served: Served): void => {
    const request = isBeside ? served.open[pick(served.open.length)]! : served.open[0]!;
    if (request.isReady) return;
    if (request.upstream !== undefined) reply(served, request);
    else if (request.called < request.calls) {
      request.upstream = host.connect({ only: "client", serverPort: 9000 });
      request.called++;
      request.upstream.send(caller(served, request), get(`/r${request.id}.${request.called}`));
    } else {
      request.isReady = true;
      if (request === served.open[0]) answered(served);
    }
  };

  const isOver = (): boolean => started >= options.requests && connections.every(({ open }) => open.length === 0);
  while (!isOver()) {
    const served = connections[pick(connections.length)]!;
    const hasRoom = started < options.requests && served.open.length < MAX_BATCH;
    const mayRead = hasRoom && (served.open.length === 0 || (served.open[0]!.upstream === undefined && random() < 0.2));
    if (mayRead) read(served);
    else if (served.open.length > 0) proceed(served);
    host.pass(0.3);
  }
  host.pass(10_000);
  host.end();
  return score(host);
}
