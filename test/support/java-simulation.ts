/**
 * A JVM that exists only here: threads of a server's pool make jobs, or requests for HttpClient, in stretches of the heap of
 * their own, and workers call for them. Collections move what there is and give the places to others. True causes are known:
 * the path of a call names the request that made its job.
 */
import { CauseKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { get, Host, type Link, ok } from "./host.ts";
import { generator, lose, type Score, score } from "./simulation.ts";

export interface JavaOptions {
  readonly seed: number;
  readonly requests: number;
  readonly concurrency: number;
  readonly jobsPerRequest: number;
  /** The objects are requests of HttpClient's, each for one call. */
  readonly areRequests?: boolean;
  /** Who answers has not read the request. */
  readonly hasReaders?: boolean;
  /** Share of requests that answer before their jobs are done. */
  readonly forgets?: number;
  /** One of its first requests starts a job that goes on, and calls for all requests. */
  readonly hasConsumer?: boolean;
  /** Share of steps before which the heap is collected. */
  readonly collections?: number;
  /** Bytes of a thread's stretch. */
  readonly stretch?: number;
  readonly lost?: number;
  readonly doubled?: number;
}

const TGID = 700;
const HEAP = 0x6_0000_0000;
const OBJECT_BYTES = 32;
const WORKERS = 8;

interface Stretch {
  start: number;
  top: number;
  end: number;
}

interface Job {
  readonly path: string;
  /** 0: moved. */
  address: number;
  readonly request: Request;
  link: Link | undefined;
  worker: number;
}

interface Request {
  readonly id: number;
  readonly link: Link;
  readonly pid: number;
  readonly forgets: boolean;
  made: number;
  left: number;
  isAnswered: boolean;
}

export function simulateJava(options: JavaOptions): Score {
  const random = generator(options.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const host = new Host();
  lose(host, options, random);
  const stretches = new Map<number, Stretch>();
  let collections = 1;
  let eden = HEAP;

  const allocate = (pid: number, bytes: number): number => {
    let own = stretches.get(pid);
    if (own === undefined || own.top + bytes > own.end) {
      own = { start: eden, top: eden, end: eden + (options.stretch ?? 4096) };
      eden = own.end;
      stretches.set(pid, own);
    }
    own.top += bytes;
    return own.top - bytes;
  };
  /** What the kernel's side tells with any event of a thread. */
  const by = (pid: number): Doer => {
    allocate(pid, OBJECT_BYTES * (1 + pick(8)));
    const { start, top, end } = stretches.get(pid)!;
    return {
      tgid: TGID,
      pid,
      isBlocking: true,
      unitCount: collections,
      causeKind: CauseKind.javaPlace,
      causeId: top,
      causeRequest: ((top - start) / 8) * 2 ** 26 + (end - top) / 8,
    };
  };
  const serving = new Set<number>();
  const byJob = (worker: number, address: number): Doer => {
    allocate(worker, OBJECT_BYTES);
    const owner = [...serving].find((pid) => {
      const own = stretches.get(pid);
      return own !== undefined && address >= own.start && address < own.top;
    });
    return {
      tgid: TGID,
      pid: worker,
      isBlocking: true,
      unitCount: collections,
      causeKind: options.areRequests ? CauseKind.javaRequest : CauseKind.javaJob,
      causeId: address,
      causeRequest: owner ?? 0,
    };
  };

  const servers = Array.from({ length: options.concurrency }, () => host.connect({ only: "server" }));
  const threads = Array.from({ length: options.concurrency }, (_, index) => TGID + 1 + index);
  const readers = [TGID + 900, TGID + 901];
  const idleWorkers = Array.from({ length: WORKERS }, (_, index) => TGID + 500 + index);
  const pool: Link[] = [];
  const active: Request[] = [];
  const queue: Job[] = [];
  const running: Job[] = [];
  let consumer: Job | undefined;
  let started = 0;

  const read = (): void => {
    const link = servers.splice(pick(servers.length), 1)[0]!;
    const pid = threads.splice(pick(threads.length), 1)[0]!;
    const id = ++started;
    const forgets = random() < (options.forgets ?? 0);
    active.push({ id, link, pid, forgets, made: 0, left: options.jobsPerRequest, isAnswered: false });
    const reader = options.hasReaders ? readers[pick(readers.length)]! : pid;
    serving.add(reader);
    link.serverReads(by(reader), get(`/r${id}`));
  };
  const make = (request: Request): void => {
    const path = `/r${request.id}.${++request.made}`;
    // It makes other things, too.
    allocate(request.pid, OBJECT_BYTES * pick(40));
    const address = allocate(request.pid, OBJECT_BYTES);
    const job: Job = { path, address, request, link: undefined, worker: 0 };
    if (options.hasConsumer) {
      consumer ??= { ...job, worker: TGID + 600 };
      queue.push({ ...job, address: -1, worker: consumer.worker });
    } else queue.push(job);
  };
  const begin = (job: Job): void => {
    const isConsumed = job.address === -1;
    if (!isConsumed) job.worker = idleWorkers.splice(pick(idleWorkers.length), 1)[0]!;
    job.link = pool.pop() ?? host.connect({ only: "client", serverPort: 9000 });
    const address = isConsumed ? consumer!.address : job.address;
    running.push(job);
    // What was moved lies outside of all stretches.
    job.link.send(byJob(job.worker, address === 0 ? HEAP / 2 : address), get(job.path));
  };
  const finish = (job: Job): void => {
    running.splice(running.indexOf(job), 1);
    job.link!.clientReads(by(job.worker), ok());
    pool.push(job.link!);
    if (job.address !== -1) idleWorkers.push(job.worker);
    job.request.left--;
  };
  const answer = (request: Request): void => {
    request.isAnswered = true;
    active.splice(active.indexOf(request), 1);
    serving.add(request.pid);
    request.link.answer(by(request.pid), ok());
    servers.push(request.link);
    threads.push(request.pid);
  };
  const collect = (): void => {
    collections++;
    eden = HEAP;
    stretches.clear();
    for (const job of [...queue, ...running]) if (job.address > 0) job.address = 0;
    if (consumer !== undefined) consumer.address = 0;
  };

  while (started < options.requests || active.length > 0 || queue.length > 0 || running.length > 0) {
    if (random() < (options.collections ?? 0)) collect();
    const choices: (() => void)[] = [];
    if (started < options.requests && servers.length > 0) choices.push(read);
    for (const request of active) {
      if (request.made < options.jobsPerRequest) choices.push(() => make(request));
      else if (request.forgets || request.left === 0) choices.push(() => answer(request));
    }
    const isConsumerIdle = !running.some(({ address }) => address === -1);
    const next = queue.findIndex(({ address }) => (address === -1 ? isConsumerIdle : idleWorkers.length > 0));
    if (next >= 0) choices.push(() => begin(queue.splice(next, 1)[0]!));
    for (const job of running) choices.push(() => finish(job));
    choices[pick(choices.length)]!();
    host.pass(0.05);
  }
  host.pass(10_000);
  host.end();
  return score(host);
}
