/**
 * A JVM with virtual threads that exists only here: each request has one, which goes on by turns on any of a few carriers, makes jobs
 * for others and pauses; others begin and end on the same carriers without being seen, and make jobs too. A carrier's stretch of
 * the heap is filled by whichever it has mounted, and what one alone has filled is told as the kernel's programs would. True causes are
 * known: the path of a call names the request that made its job.
 */
import { CauseKind, EventKind, UnitEdge, UnitKind } from "../../src/bpf/layout.gen.ts";
import type { Doer } from "./events.ts";
import { get, Host, type Link, ok } from "./host.ts";
import { generator, lose, type Score, score } from "./simulation.ts";

export interface JavaVirtualOptions {
  readonly seed: number;
  readonly requests: number;
  readonly concurrency: number;
  readonly jobsPerRequest: number;
  /** Jobs are virtual threads themselves. */
  readonly areVirtual?: boolean;
  /** Share of requests that answer before their jobs are done. */
  readonly forgets?: number;
  /** Share of turns before which another virtual thread begins and ends, and makes a job. */
  readonly hidden?: number;
  /** Share of pauses that are not seen. */
  readonly unseen?: number;
  /** Share of turns before which the heap is collected. */
  readonly collections?: number;
  readonly lost?: number;
  readonly doubled?: number;
}

interface Carrier {
  readonly pid: number;
  start: number;
  top: number;
  end: number;
  /** Where the one that is mounted was seen last. */
  mark: { unit: number; start: number; top: number; end: number; collections: number } | undefined;
}

interface Request {
  readonly id: number;
  readonly unit: number;
  readonly link: Link;
  readonly forgets: boolean;
  made: number;
  left: number;
}

interface Job {
  readonly path: string;
  readonly request: Request | undefined;
  address: number;
  readonly unit: number;
  readonly pid: number;
  link: Link | undefined;
}

const TGID = 800;
const HEAP = 0x6_0000_0000;
const STRETCH_BYTES = 2048;
const JOB_BYTES = 32;
const CARRIERS = 3;

export function simulateJavaVirtual(options: JavaVirtualOptions): Score {
  const random = generator(options.seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const host = new Host();
  lose(host, options, random);
  const carriers: Carrier[] = Array.from({ length: CARRIERS }, (_, index) => {
    return { pid: TGID + 1 + index, start: 0, top: 0, end: 0, mark: undefined };
  });
  let collections = 1;
  let eden = HEAP;
  let units = 0;

  const allocate = (carrier: Carrier, bytes: number): number => {
    if (carrier.top + bytes > carrier.end) {
      carrier.start = carrier.top = eden;
      carrier.end = eden = eden + STRETCH_BYTES;
    }
    carrier.top += bytes;
    return carrier.top - bytes;
  };
  const tell = (carrier: Carrier, unit: number, start: number, end: number): void => {
    if (start === end) return;
    host.engine.unitEdge({
      header: { kind: EventKind.unitEdge, length: 0, timestampNs: host.nowNs, tgid: TGID, pid: carrier.pid },
      fromId: unit,
      toId: end,
      fromCreation: start,
      work: collections,
      edge: UnitEdge.makesObjects,
      unitKind: UnitKind.jvmVirtualThread,
    });
  };
  /** What java_made() tells. */
  const made = ({ mark, ...carrier }: Carrier, unit: number): void => {
    if (mark === undefined || mark.unit !== unit || mark.collections !== collections) return;
    if (mark.start === carrier.start) tell({ mark, ...carrier }, unit, mark.top, carrier.top);
    else {
      tell({ mark, ...carrier }, unit, mark.top, mark.end);
      tell({ mark, ...carrier }, unit, carrier.start, carrier.top);
    }
  };
  const setMark = (carrier: Carrier, unit: number): void => {
    const { start, top, end } = carrier;
    carrier.mark = { unit, start, top, end, collections };
  };
  const paused = (carrier: Carrier, unit: number): void => {
    if (random() < (options.unseen ?? 0)) return;
    made(carrier, unit);
    carrier.mark = undefined;
  };
  const by = (carrier: Carrier, unit: number): Doer => {
    allocate(carrier, 16 * (1 + pick(8)));
    made(carrier, unit);
    setMark(carrier, unit);
    const kind = UnitKind.jvmVirtualThread;
    return { tgid: TGID, pid: carrier.pid, unitKind: kind, unitId: unit, unitCount: collections };
  };
  const byJob = ({ pid, unit, address }: Job): Doer => {
    const kind = unit === 0 ? CauseKind.javaJob : CauseKind.javaThread;
    const cause = { unitCount: collections, causeKind: kind, causeId: address, causeRequest: 0 };
    if (unit === 0) return { tgid: TGID, pid, ...cause };
    return { tgid: TGID, pid, unitKind: UnitKind.jvmVirtualThread, unitId: unit, ...cause };
  };

  const servers = Array.from({ length: options.concurrency }, () => host.connect({ only: "server" }));
  const pool: Link[] = [];
  const active: Request[] = [];
  const queue: Job[] = [];
  const running: Job[] = [];
  let started = 0;

  const makeJob = (carrier: Carrier, request: Request | undefined, path: string): void => {
    allocate(carrier, 16 * pick(20));
    const address = allocate(carrier, JOB_BYTES);
    const unit = options.areVirtual ? ++units : 0;
    queue.push({ path, request, address, unit, pid: TGID + 100 + pick(50), link: undefined });
  };
  const make = (carrier: Carrier, request: Request): void => {
    for (let count = pick(options.jobsPerRequest + 1); count > 0 && request.made < options.jobsPerRequest; count--)
      makeJob(carrier, request, `/r${request.id}.${++request.made}`);
  };
  const answer = (carrier: Carrier, request: Request): void => {
    active.splice(active.indexOf(request), 1);
    request.link.answer(by(carrier, request.unit), ok());
    servers.push(request.link);
    allocate(carrier, 16 * pick(10));
  };
  const read = (carrier: Carrier): void => {
    const link = servers.splice(pick(servers.length), 1)[0]!;
    const forgets = random() < (options.forgets ?? 0);
    const request = { id: ++started, unit: ++units, link, forgets, made: 0, left: options.jobsPerRequest };
    active.push(request);
    allocate(carrier, 16 * pick(10));
    link.serverReads(by(carrier, request.unit), get(`/r${request.id}`));
    make(carrier, request);
    paused(carrier, request.unit);
  };
  const goOn = (carrier: Carrier, request: Request): void => {
    allocate(carrier, 16 * pick(4));
    setMark(carrier, request.unit);
    make(carrier, request);
    const isMade = request.made === options.jobsPerRequest;
    if (isMade && (request.forgets || request.left === 0)) answer(carrier, request);
    else paused(carrier, request.unit);
  };
  const begin = (job: Job): void => {
    job.link = pool.pop() ?? host.connect({ only: "client", serverPort: 9000 });
    running.push(job);
    job.link.send(byJob(job), get(job.path));
  };
  const finish = (job: Job): void => {
    running.splice(running.indexOf(job), 1);
    const { pid, unit } = job;
    const virtual = unit === 0 ? {} : { unitKind: UnitKind.jvmVirtualThread, unitId: unit, unitCount: collections };
    job.link!.clientReads({ tgid: TGID, pid, ...virtual }, ok());
    pool.push(job.link!);
    if (job.request !== undefined) job.request.left--;
  };
  const collect = (): void => {
    collections++;
    eden = HEAP;
    for (const carrier of carriers) carrier.start = carrier.top = carrier.end = 0;
    // What lives is where nobody has a stretch.
    for (const job of [...queue, ...running]) job.address = HEAP / 2;
  };

  while (started < options.requests || active.length > 0 || queue.length > 0 || running.length > 0) {
    if (random() < (options.collections ?? 0)) collect();
    const carrier = carriers[pick(CARRIERS)]!;
    if (started < options.requests && random() < (options.hidden ?? 0)) makeJob(carrier, undefined, "/background");
    const choices: (() => void)[] = [];
    if (started < options.requests && servers.length > 0) choices.push(() => read(carrier));
    for (const request of active) choices.push(() => goOn(carrier, request));
    for (const job of queue) choices.push(() => begin(queue.splice(queue.indexOf(job), 1)[0]!));
    for (const job of running) choices.push(() => finish(job));
    choices[pick(choices.length)]!();
    host.pass(0.05);
  }
  host.pass(10_000);
  host.end();
  return score(host);
}
