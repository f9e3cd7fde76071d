/** What is known of one process's work: its units, what it serves, and what it has taught us about itself. Bounded. */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import { CallCounts } from "./doubt/call-counts.ts";
import { isSetUp } from "./doubt/connection-setup.ts";
import { FreshUnits } from "./doubt/fresh-units.ts";
import { LateJoins } from "./doubt/late-joins.ts";
import { Offspring } from "./doubt/offspring.ts";
import { Rests } from "./doubt/rests.ts";
import { ThreadBonds } from "./doubt/thread-bonds.ts";
import { AnsweredTasks } from "./evidence/answered-tasks.ts";
import { Batches } from "./evidence/batches.ts";
import { CreatedThreads } from "./evidence/created-threads.ts";
import { Creators } from "./evidence/creators.ts";
import { Handovers } from "./evidence/handovers.ts";
import { InOrder } from "./evidence/in-order.ts";
import { JavaMakers } from "./evidence/java-makers.ts";
import { LastAnswers } from "./evidence/last-answers.ts";
import { creationOf, Lineage } from "./evidence/lineage.ts";
import { OpenTokens } from "./evidence/passed-on.ts";
import { PastRequests } from "./evidence/past-requests.ts";
import { RequestContexts } from "./evidence/request-contexts.ts";
import { Resumed } from "./evidence/resumed.ts";
import { Runs } from "./evidence/same-run.ts";
import { StreamCalls } from "./evidence/stream-calls.ts";
import type { Wakes } from "./evidence/wakes.ts";
import { HeldJoins } from "./held-joins.ts";
import { IoWork } from "./io-work.ts";
import { OpenRequests } from "./open-requests.ts";
import { ServedConnections } from "./served-connections.ts";
import { ThreadLog } from "./thread-log.ts";
import type { TraceNode } from "./trace-node.ts";
import { UndecidedCalls } from "./undecided-calls.ts";
import { Unit, unitKey, unitKeyOf, unitKindOf } from "./unit.ts";
import { HandlerWatch } from "./watch/handler-watch.ts";
import { HandoverWatch } from "./watch/handover-watch.ts";
import { MountWatch } from "./watch/mount-watch.ts";
import type { OnDemand } from "./watch/on-demand.ts";
import { ResumedWatch } from "./watch/resumed-watch.ts";
import { wakeWatch } from "./watch/wake-watch.ts";

const MAX_UNITS = 32_768;
/** So many are left when there are too many: making room costs the more, the less it makes. */
const KEPT_SHARE = 0.75;
const MAX_THREADS = 8192;
const RARE = 20;
const DOUBT_NS = 1_000_000_000;

export class ProcessWork {
  readonly tgid: number;
  readonly #areThreadsUnits: () => boolean;
  readonly #count: (reason: string, count: number) => void;
  readonly #units = new Map<number, Unit>();
  readonly #logs = new Map<number, ThreadLog>();
  readonly connections = new ServedConnections();
  readonly contexts = new RequestContexts();
  readonly creators = new Creators();
  readonly answeredTasks = new AnsweredTasks();
  readonly createdThreads = new CreatedThreads();
  readonly lineage = new Lineage();
  readonly freshUnits = new FreshUnits();
  readonly javaMakers = new JavaMakers();
  readonly handoverWatch = new HandoverWatch();
  readonly mountWatch = new MountWatch();
  readonly handlerWatch = new HandlerWatch();
  readonly resumedWatch = new ResumedWatch();
  readonly streamCalls = new StreamCalls();
  readonly wakeWatch: OnDemand;
  readonly late = new LateJoins();
  readonly lastAnswers = new LastAnswers();
  readonly pastRequests = new PastRequests();
  readonly offspring = new Offspring(this.late);
  readonly handovers = new Handovers();
  /** Requests that it has read and not answered to the end, oldest first. */
  readonly open = new OpenRequests();
  /** Of these, what was read too early, and whoever comes first will take. */
  readonly unclaimed = new Set<TraceNode>();
  /** Open requests by the span id that they carry. */
  readonly openByCarried = new Map<string, TraceNode>();
  /** How many open requests carry each trace. */
  readonly #openTraces = new Map<string, number>();
  readonly openTokens = new OpenTokens();
  /** A library of the process makes spans: seen exporting them, or writing its own ids in a trace that it serves. */
  isInstrumented = false;
  readonly undecided = new UndecidedCalls();
  /** A request read by one thread was answered by another, both of which read and answer: threads say nothing. */
  handsOver = false;
  /** The same of units that are no threads and are not bound to their connection. */
  unitsHandOver = false;
  /** Open requests whose reader has never answered any: a reactor's, which others take, as far as is known. */
  #ofReactors = 0;
  /** Answers by threads that have read nothing of what others have read, since another thread began to read. */
  workerAnswers = 0;
  readonly bonds = new ThreadBonds();
  /** Calls that have waited until its threads had proved to be its units. */
  heldForProof = 0;
  /** Threads that have slept until their own calls were answered, and have answered what they had read. */
  readonly sleepers = new Set<number>();
  /** Threads that have read requests by reads that sleep. */
  blockingReaders = 0;
  /** A request was read by a thread that sleeps in its reads, and answered by another. */
  blockingReadersHandOver = false;
  /** It has connections as a server that can't be read: requests that nobody sees. */
  hasHidden = false;
  /** When the first request came that was seen. */
  servesSinceNs = Number.POSITIVE_INFINITY;
  /** Order of the event since which `open` is as it is. */
  openSince = -1;
  /** Threads that have read requests. */
  readingThreads = 0;
  /** One of several such threads has called on an event loop's connection while it served nothing, and another did. */
  loopsCallForOthers = false;
  /** Grows when the two witnesses of the turn rule agree, and falls when they do not. */
  turnCredit = 0;
  /** The same of what the callbacks of answers say and what is known for sure. */
  replyCredit = 0;
  /** The same of what the callbacks of answers say and who has opened the connection. */
  connectCredit = 0;
  readonly rests = new Rests();
  readonly runs = new Runs();
  readonly resumed = new Resumed();
  readonly held = new HeldJoins();
  readonly inOrder = new InOrder();
  readonly batches = new Batches();
  /** Answers written by the thread that had read the request, while other threads had open requests too. */
  ownAnswers = 0;
  /** Requests that were alone in the process from beginning to end, and in how many of them each destination was called. */
  aloneRequests = 0;
  readonly aloneCalls = new CallCounts();
  /** Destinations that were called in a request that came when the process had been quiet. */
  readonly quietCalls = new Set<string>();
  #answeredNs = Number.NEGATIVE_INFINITY;
  /** How many of `open` a loop has put off. */
  #putOff = 0;
  /** Calls that were made while nothing was served: the process makes such calls on its own account. */
  readonly background = new CallCounts();
  /** Of these, by units that read requests: what a pool's keeper does on a thread of its own says nothing of them. */
  readonly readersBackground = new CallCounts();

  /** Reads and writes of files. */
  readonly io = new IoWork();
  /** Of processes whose wake-ups are told. */
  wakes: Wakes | undefined;

  /**
   * @param areThreadsUnits false: its runtime moves units between threads, or is not known yet
   * @param count what had to be forgotten, by reason
   */
  constructor(tgid: number, areThreadsUnits: () => boolean, count: (reason: string, count: number) => void) {
    this.tgid = tgid;
    this.#areThreadsUnits = areThreadsUnits;
    this.wakeWatch = wakeWatch(areThreadsUnits);
    this.#count = count;
  }

  /** @returns whether something waits for a time to pass by now */
  placed(meta: EventMeta): boolean {
    return this.javaMakers.placed(this, meta);
  }

  /** Something waits for a time to pass. */
  get isHolding(): boolean {
    return !this.held.isEmpty || !this.late.isEmpty || this.createdThreads.isHolding || this.handovers.isHolding;
  }

  unitOf(meta: EventMeta): Unit {
    const key = unitKeyOf(meta);
    const kind = unitKindOf(meta);
    const unit = this.#unit(key, kind);
    const creation = creationOf(meta);
    if (unit.isCreatedAs(creation, meta.timestampNs)) return unit;
    // The address has come back.
    this.#units.delete(key);
    const next = this.#unit(key, kind);
    next.isCreatedAs(creation, meta.timestampNs);
    return next;
  }

  /** The unit that serves what is read on `connection`: the reader, or the goroutine that it reads for. */
  readerOf(meta: EventMeta, connection: object): Unit {
    const goroutine = this.connections.goroutineOf(meta, connection);
    return goroutine === 0 ? this.unitOf(meta) : this.#unit(unitKey(UnitKind.goroutine, goroutine), UnitKind.goroutine);
  }

  /** undefined: it has done nothing yet. */
  unitNamed(kind: number, id: number): Unit | undefined {
    return this.#units.get(unitKey(kind, id));
  }

  #unit(key: number, kind: number): Unit {
    let unit = this.#units.get(key);
    if (unit === undefined) {
      if (this.#units.size >= MAX_UNITS) this.#sweep();
      unit = new Unit(kind, key);
      this.#units.set(key, unit);
    }
    return unit;
  }

  logOf(pid: number): ThreadLog {
    let log = this.#logs.get(pid);
    if (log === undefined) {
      if (this.#logs.size >= MAX_THREADS) this.#logs.clear();
      log = new ThreadLog();
      this.#logs.set(pid, log);
    }
    return log;
  }

  /** The unit has ended what it did: if its id is a pointer, the next unit with this id is another one. */
  forgetIfIdle(unit: Unit): void {
    if (unit.isThread || !unit.isIdle || unit.isShared) return;
    if (this.#units.get(unit.key) === unit) this.#units.delete(unit.key);
  }

  opened(node: TraceNode, unit: Unit): void {
    if (unit.isThread && !unit.hasRead) {
      this.readingThreads++;
      if (node.start.isBlocking) this.blockingReaders++;
      this.workerAnswers = 0;
    }
    node.isPipelined = this.connections.opened(node);
    if (unit.isThread) this.bonds.requestRead(node, this.open.size === 0 || node.isPipelined);
    // Who takes what was read too early is open: it may well be another thread, or the pool's next job.
    if (node.isPipelined && !unit.servesConnection) {
      unit.hasRead = true;
      unit.readOn(node);
      this.unclaimed.add(node);
    } else {
      if (unit.isThread) this.inOrder.reads(unit);
      if (node.isDoubtful) unit.hasRead = true;
      else unit.read(node);
    }
    this.open.add(node);
    unit.unanswered++;
    node.isReactors = unit.lastAnswerOrder < 0 && !this.lineage.hasAnswered(unit.key);
    if (node.isReactors) this.#ofReactors++;
    this.openSince = node.start.order;
    this.servesSinceNs = Math.min(this.servesSinceNs, node.start.timestampNs);
    node.quietSinceNs = this.#answeredNs;
    if (node.carried !== undefined) {
      const { spanId, traceId } = node.carried;
      this.openByCarried.set(spanId, node);
      this.#openTraces.set(traceId, (this.#openTraces.get(traceId) ?? 0) + 1);
    }
    this.openTokens.opened(node);
  }

  /** A loop reads on, and has sent nothing for `request` yet. */
  putOff(request: TraceNode): void {
    if (request.isPutOff || !this.open.has(request)) return;
    request.isPutOff = true;
    this.#putOff++;
  }

  /** A request that was put off is open. */
  get hasPutOff(): boolean {
    return this.#putOff > 0;
  }

  /** Who has read a request may not be who serves it. */
  get mayHandOver(): boolean {
    return this.unitsHandOver || this.#ofReactors > 0;
  }

  /** @returns whether the call's parent may be known when it is answered, though that be over by then */
  isAwaited(call: TraceNode): boolean {
    if (this.resumed.mayJoinLater(call)) this.held.untilAnswered(call);
    return call.isAwaited;
  }

  /** The first bytes of a call's answer have been read. */
  answerRead(call: TraceNode, meta: EventMeta): void {
    // The first call of a connection may go out before that is handed to the loop.
    call.isWatched ||= meta.isWatched;
    call.isSleptFor ||= meta.isBlocking && meta.pid === call.start.pid;
    this.answeredTasks.answerRead(call, meta);
    this.handovers.answerRead(call, meta);
    this.wakes?.replyRead(call, meta, false);
  }

  /** It serves a request of this trace. */
  serves(traceId: string): boolean {
    return this.#openTraces.has(traceId);
  }

  closed(node: TraceNode, order: number): void {
    if (this.open.delete(node)) {
      if (node.carried !== undefined) this.#traceClosed(node.carried.traceId);
      if (node.unit !== undefined) node.unit.unanswered--;
      if (node.isReactors) this.#ofReactors--;
      if (node.isPutOff) this.#putOff--;
    }
    this.unclaimed.delete(node);
    this.runs.closed(node);
    this.resumed.requestAnswered(node);
    this.openTokens.closed(node);
    this.rests.ended();
    this.connections.closed(node, order);
    this.openSince = order;
    this.#answeredNs = Math.max(this.#answeredNs, node.endNs);
    if (node.carried !== undefined && this.openByCarried.get(node.carried.spanId) === node) {
      this.openByCarried.delete(node.carried.spanId);
    }
    const unit = node.unit;
    if (unit === undefined) return;
    if (unit.kind === UnitKind.goroutine) this.pastRequests.closed(unit.key, node);
    unit.answered(node);
    this.forgetIfIdle(unit);
  }

  /** `unit` has written the end of the answer to what it had read: it is idle, unless the connection has brought more. */
  answered(unit: Unit, node: TraceNode, meta: EventMeta): void {
    if (!this.connections.isServing(node.connection)) this.lastAnswers.answered(unit, node, meta);
  }

  #traceClosed(traceId: string): void {
    const left = (this.#openTraces.get(traceId) ?? 1) - 1;
    if (left > 0) this.#openTraces.set(traceId, left);
    else this.#openTraces.delete(traceId);
  }

  /** Until then only exact evidence speaks: loss comes in bursts, and what was lost is noticed late. */
  doubtUntilNs = 0;

  isInDoubt(meta: Pick<EventMeta, "timestampNs">): boolean {
    return meta.timestampNs < this.doubtUntilNs;
  }

  /** What a thread does one after the other need not belong together. */
  areThreadsInDoubt(meta: Pick<EventMeta, "timestampNs">): boolean {
    return this.isInDoubt(meta) || !this.#areThreadsUnits();
  }

  /** What was answered too long ago is forgotten. */
  expire(nowNs: number): void {
    this.lastAnswers.expire(nowNs);
    this.pastRequests.expire(nowNs);
    this.offspring.expire(nowNs);
  }

  /** Events are missing: what is open may no longer be, so it is nobody's parent any more. */
  doubt(nowNs: number): void {
    this.doubtUntilNs = Math.max(this.doubtUntilNs, nowNs + DOUBT_NS);
    this.connections.lost(nowNs);
    for (const node of this.open) {
      node.isDoubtful = true;
      this.connections.lostWhile(node);
      if (node.unit !== undefined) node.unit.open.length = 0;
    }
    this.#logs.clear();
    this.held.forget();
    this.runs.forget();
    this.resumed.forget();
    this.late.forget();
    this.lastAnswers.forget();
    this.pastRequests.forget();
    this.contexts.forget();
    this.lineage.forget();
    this.handovers.forget();
    this.javaMakers.forget();
  }

  addBackground(call: TraceNode): void {
    const { unit } = call;
    if (unit !== undefined && isSetUp(call)) {
      unit.preparesUnasked = true;
      return;
    }
    this.background.add(call.destination);
    if (unit?.hasRead === true) this.readersBackground.add(call.destination);
  }

  /** @param calls the background that counts. One such call in many may be one whose request was lost. */
  isBackground(destination: string, calls: CallCounts): boolean {
    const count = calls.of(destination);
    if (count === 0) return calls.isFull;
    return count * RARE > this.aloneCalls.of(destination);
  }

  #sweep(): void {
    for (const [key, unit] of this.#units) if (unit.isIdle) this.#units.delete(key);
    let tooMany = this.#units.size - MAX_UNITS * KEPT_SHARE;
    if (tooMany <= 0) return;
    this.#count("units", tooMany);
    for (const key of this.#units.keys()) {
      if (tooMany-- <= 0) return;
      this.#units.delete(key);
    }
  }
}
