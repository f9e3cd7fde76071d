/**
 * Evidence `handover` (Go): a goroutine of the request has handed something to the one that makes the call, before it,
 * and that one has handed something back behind it.
 *
 *     serves r  --- jobs <- job --->  worker   calls, reads the answer
 *     serves r  <-- close(done) ----  worker   so the call was r's
 *
 * Proves: what lies between comes of the job. Lies where a worker's job begins unseen, since a buffer held it or the one
 * that waits for it did not sleep yet, and where a worker does the jobs of several at once. So both ends must name the same
 * request, with one call between them. Where they did so often enough for workers of this kind (pool-credit.ts), one end
 * will do: the begin, where no job of theirs begins unseen; the end, for the call before it. Whoever got something from
 * two requests, or gives something to two, works for neither. A difference costs more each time.
 *
 * Connections and tokens that goroutines of several requests hand round look alike where both ends happen to be of one
 * request: so what is given back must be of another type than what was given, and go to the goroutine that gave it, until the
 * workers are proven; and what has no size is no job.
 *
 * What comes from a goroutine that works for a request itself (a dispatcher) comes from that request, as long as whoever has made
 * it has not read on: behind that it may hand over for all of the connection.
 */

import { type HandoverEvent, HandoverWay, UnitKind } from "../../../bpf/layout.gen.ts";
import { makeRoom } from "../../../make-room.ts";
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import { isJustRead, unitKey } from "../unit.ts";
import { servedInTurn } from "./exact.ts";
import { type End, fromOf, isOver, type Job, newJob, toOf } from "./handover-job.ts";
import { answeredBy } from "./last-answers.ts";
import { PoolCredit } from "./pool-credit.ts";

const EVIDENCE = "handover";
const MAX_WORKERS = 8192;
const MAX_POOLS = 256;
const MAX_CALLS = 64;
const MAX_READERS = 8192;

interface Worker {
  pool: PoolCredit | undefined;
  job: Job | undefined;
  /** Made for one request, and given something by another. */
  isShared: boolean;
}

export class Handovers {
  /** By goid, which is never used again. */
  readonly #workers = new Map<number, Worker>();
  /** By the function that the workers began with. */
  readonly #pools = new Map<number, PoolCredit>();
  readonly #holding = new Set<Worker>();
  /** By the goroutine that has read it: the call that was answered last on its connection. */
  readonly #answered = new Map<number, TraceNode>();
  /** undefined: nothing is told. */
  #lost: number | undefined;
  /** Calls that it has joined. */
  joined = 0;

  get isHolding(): boolean {
    return this.#holding.size > 0;
  }

  /** It was made for one request, and works for others too. */
  isShared(goid: number): boolean {
    return this.#workers.get(goid)?.isShared === true;
  }

  handedOver(work: ProcessWork, event: HandoverEvent, order: number): void {
    if (event.lost !== this.#lost) {
      if (this.#lost !== undefined) this.forget();
      this.#lost = event.lost;
    }
    const { fromId, toId, way } = event;
    if (way === HandoverWay.answers) {
      this.#answerGiven(work, fromId, toId);
      return;
    }
    if (work.isInDoubt(event.header)) {
      this.#drop(toId);
      this.#drop(fromId);
      return;
    }
    const giver = this.#requestOf(work, fromOf(event), event.header);
    const taker = this.#requestOf(work, toOf(event), event.header) ?? this.#gaveTo(fromId, toId);
    const isGiven = way !== HandoverWay.releases;
    if (taker !== undefined && giver === undefined) this.#returned(fromId, event, taker);
    else if (taker === undefined && isGiven) this.#given(event, order, giver);
    else if (isGiven && giver !== taker && !isServing(work, toId)) {
      this.#workerOf(toId).isShared = true;
      this.#given(event, order, giver);
    }
  }

  /** A goroutine makes a call of which nothing else is known. */
  called(work: ProcessWork, call: TraceNode): void {
    if (this.#lost !== undefined) this.#add(work, this.#workerOf(callerGoroutine(call)), call);
  }

  /** The beginning of a call's answer has been read. */
  answerRead(call: TraceNode, { coroutineId }: EventMeta): void {
    if (coroutineId === 0 || this.#lost === undefined) return;
    if (this.#answered.size >= MAX_READERS) this.#answered.clear();
    this.#answered.set(coroutineId, call);
  }

  /** It has been read whole, or there was none. */
  callEnded(call: TraceNode, nowNs: number): void {
    const job = this.#workers.get(callerGoroutine(call))?.job;
    if (job !== undefined && nowNs > job.lastNs) job.lastNs = nowNs;
  }

  advance(nowNs: number): void {
    for (const worker of this.#holding) {
      const { job } = worker;
      if (job === undefined || job.isSettled) this.#holding.delete(worker);
      else if (isOver(job, nowNs)) this.#finish(worker);
    }
  }

  /** Events are missing: jobs may have begun and ended. */
  forget(): void {
    for (const worker of this.#workers.values()) this.#release(worker);
    this.#answered.clear();
  }

  #given(event: HandoverEvent, order: number, giver: TraceNode | undefined): void {
    const { fromId, toId, toStartPc, way, header, valueType } = event;
    const source = this.#workers.get(fromId)?.job;
    const givers = giver !== undefined ? [giver] : source === undefined || source.isSettled ? [] : source.givers;
    if (givers.length === 0) {
      const job = this.#workers.get(toId)?.job;
      if (job !== undefined) job.isUnsure = true;
      return;
    }
    const worker = this.#workerOf(toId, toStartPc);
    if (way === HandoverWay.givesBuffered || source?.isUnsure) worker.pool!.isExact = false;
    const isSame = worker.job?.givers.length === 1 && givers.length === 1 && worker.job.givers[0] === givers[0];
    const isBegun = worker.job !== undefined && (worker.job.calls.length > 0 || worker.job.returned !== undefined);
    if (isBegun && !(isSame && worker.job?.returned === undefined)) this.#finish(worker);
    worker.job ??= newJob(order, header.timestampNs);
    if (worker.job.givers.length === 0) {
      worker.job.giverId = giver !== undefined ? fromId : source!.giverId;
      worker.job.valueType = valueType;
    }
    for (const each of givers)
      if (worker.job.givers.length < 2 && !worker.job.givers.includes(each)) worker.job.givers.push(each);
  }

  #returned(goid: number, { fromStartPc, toId, header, valueType }: HandoverEvent, taker: TraceNode): void {
    const worker = this.#workers.get(goid);
    const job = worker?.job;
    if (worker === undefined || job === undefined) return;
    worker.pool ??= this.#poolOf(fromStartPc);
    if (job.isSettled) return;
    job.lastNs = header.timestampNs;
    // What is passed on is no result, but a resource that is handed round: a connection.
    const isPassedOn = valueType !== 0 && valueType === job.valueType;
    if (isPassedOn || (job.returned !== undefined && job.returned !== taker)) job.isContested = true;
    job.returned ??= taker;
    if (toId === job.giverId) job.isReturnedToGiver = true;
    if (!job.isReturnedToGiver && !worker.pool.isProven) return;
    if (worker.pool.isExact && job.givers.length === 1 && job.givers[0] === taker && !job.isContested) {
      this.#settle(worker, job);
      return;
    }
    for (const call of job.calls) call.isHeld = true;
    if (job.calls.length > 0) this.#holding.add(worker);
  }

  #add(work: ProcessWork, worker: Worker, call: TraceNode): void {
    // Known late: what it was made for may be done by now.
    if (worker.job !== undefined && worker.job.order > call.start.order) return;
    if (worker.job?.returned !== undefined) this.#finish(worker);
    worker.job ??= newJob(call.start.order, call.start.timestampNs);
    const { job, pool } = worker;
    const [giver] = job.givers;
    const isFirst = job.calls.length === 0;
    job.lastNs = Math.max(job.lastNs, call.start.timestampNs);
    job.calls.push(call);
    if (job.calls.length > MAX_CALLS) {
      job.isContested = job.givers.length > 0;
      free(job.calls.shift()!);
    }
    if (giver === undefined || work.isInDoubt(call.start)) return;
    const isSure = job.givers.length === 1 && !job.isUnsure && !job.isContested && (isFirst || !giver.isFinished);
    if (isSure && pool?.isExact && pool.isProven && this.#join(call, giver)) return;
    call.isHeld = true;
    this.#holding.add(worker);
  }

  /** net/http's client: the goroutine `reader` hands the answer that it has read to the one that waits for it. */
  #answerGiven(work: ProcessWork, reader: number, goid: number): void {
    const call = this.#answered.get(reader);
    this.#answered.delete(reader);
    if (call === undefined || call.isDecided || callerGoroutine(call) === goid) return;
    // It was not yet known when the call was sent.
    const worker = this.#workers.get(goid);
    const job = worker?.job;
    if (worker !== undefined && job !== undefined && job.returned === undefined && job.order < call.start.order)
      this.#add(work, worker, call);
  }

  /** The worker goes on with something else. */
  #finish(worker: Worker): void {
    const { job } = worker;
    if (job !== undefined && !job.isSettled) this.#settle(worker, job);
    worker.job = undefined;
    this.#holding.delete(worker);
  }

  #settle(worker: Worker, job: Job): void {
    job.isSettled = true;
    const { givers, calls, returned, isUnsure } = job;
    const [giver] = givers;
    const pool = worker.pool;
    if (calls.length > 0 && pool !== undefined) {
      const wasProven = pool.isProven;
      const isSeen = pool.isExact && wasProven && !isUnsure;
      if (job.isContested || givers.length > 1 || (giver !== undefined && returned !== undefined && giver !== returned))
        pool.differs();
      else if (giver !== undefined && returned !== undefined) {
        const isKnownOtherwise = calls.some(({ parent }) => parent !== undefined && parent !== giver);
        if (isKnownOtherwise) pool.differs();
        else if (job.isReturnedToGiver) pool.agrees();
        if ((job.isReturnedToGiver || wasProven) && (calls.length === 1 || isSeen))
          for (const call of calls) this.#join(call, giver);
      } else if (giver !== undefined && isSeen) for (const call of calls) this.#join(call, giver);
      else if (returned !== undefined && wasProven) this.#join(calls.at(-1)!, returned);
    }
    for (const call of calls) free(call);
  }

  #join(call: TraceNode, served: TraceNode): boolean {
    if (served.isDoubtful || served.start.order > call.start.order) return false;
    call.isHeld = false;
    const isJoined = decide(call, served, EVIDENCE);
    if (isJoined) this.joined++;
    return isJoined;
  }

  #drop(goid: number): void {
    const worker = this.#workers.get(goid);
    if (worker !== undefined) this.#release(worker);
  }

  /** Nothing is concluded from its job. */
  #release(worker: Worker): void {
    for (const call of worker.job?.calls ?? []) free(call);
    worker.job = undefined;
    this.#holding.delete(worker);
  }

  #workerOf(goid: number, startPc?: number): Worker {
    let worker = this.#workers.get(goid);
    if (worker === undefined) {
      if (this.#workers.size >= MAX_WORKERS) {
        const [oldest] = this.#workers.keys();
        this.#drop(oldest!);
        this.#workers.delete(oldest!);
      }
      worker = { pool: undefined, job: undefined, isShared: false };
      this.#workers.set(goid, worker);
    }
    if (startPc !== undefined) worker.pool ??= this.#poolOf(startPc);
    return worker;
  }

  #poolOf(startPc: number): PoolCredit {
    let pool = this.#pools.get(startPc);
    if (pool === undefined) {
      makeRoom(this.#pools, MAX_POOLS);
      pool = new PoolCredit();
      this.#pools.set(startPc, pool);
    }
    return pool;
  }

  /** The request of the one who has given the worker its job: whoever has made it may be at another one by now. */
  #gaveTo(goid: number, giverId: number): TraceNode | undefined {
    const job = this.#workers.get(goid)?.job;
    return job?.giverId === giverId ? job.givers[0] : undefined;
  }

  /** What the goroutine is at: it serves the request, has just answered it, or was made for it and for no other. */
  #requestOf(work: ProcessWork, { goid, maker, readNs }: End, header: HandoverEvent["header"]): TraceNode | undefined {
    const own = servedIn(work, goid, header);
    if (own !== undefined || maker === 0 || this.isShared(goid)) return own;
    const key = unitKey(UnitKind.goroutine, maker);
    const unit = work.unitNamed(UnitKind.goroutine, maker);
    if (readNs !== 0 && work.pastRequests.hasReadOn(unit, key, readNs)) return undefined;
    const served = servedIn(work, maker, header);
    // It may have been made for the one before, which one read has brought with this one.
    return served === undefined || served.isPipelined || isJustRead(served, header.timestampNs) ? undefined : served;
  }
}

/** net/http's client: the goroutine that waits for the answer, if it was known; else the one that writes. */
function callerGoroutine({ start }: TraceNode): number {
  return start.unitKind === UnitKind.goroutine && start.unitId !== 0 ? start.unitId : start.coroutineId;
}

function servedIn(work: ProcessWork, goid: number, header: HandoverEvent["header"]): TraceNode | undefined {
  const unit = work.unitNamed(UnitKind.goroutine, goid);
  const served = answeredBy(work, unitKey(UnitKind.goroutine, goid), header) ?? (unit && servedInTurn(unit));
  return served ?? work.connections.servedByGoroutine(goid);
}

function isServing(work: ProcessWork, goid: number): boolean {
  return work.unitNamed(UnitKind.goroutine, goid)?.hasRead === true;
}

function free(call: TraceNode): void {
  if (!call.isHeld || call.isDecided) return;
  call.isHeld = false;
  decide(call, undefined, undefined);
}
