/**
 * Who caused what: decides each request's parent by the best evidence, once.
 *
 * Each file in evidence/ is one kind of evidence and says what it proves and when it may lie; those in doubt/ say when one is
 * not to be believed, those in watch/ what is worth its cost to be told of. Where none is sure a request has no parent: a
 * wrong one is worse. Work per event is constant; state is bounded per process.
 */
import { type HandoverEvent, UnitEdge, type UnitEdgeEvent, UnitKind } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import { type Connecting, joinByConnect, openerOf, stretchOfFirst } from "./evidence/connect.ts";
import { joinExactly, noteAnsweredBy } from "./evidence/exact.ts";
import { answerEvidence, joinByAnswer, learnFromAnswer } from "./evidence/hindsight.ts";
import { decideCarried, isServerSpanOfLibrary, SdkSpans } from "./evidence/instrumented.ts";
import { AFTER_ANSWER_NS, answeredBy, areBelieved } from "./evidence/last-answers.ts";
import { callerOfThread, isServedByThreads } from "./evidence/own-thread.ts";
import { joinPassedOn } from "./evidence/passed-on.ts";
import { joinByReplyTurn, joinInStretch } from "./evidence/reply-turn.ts";
import { joinSingle } from "./evidence/single.ts";
import type { StreamCalls } from "./evidence/stream-calls.ts";
import { joinByCallback, learnFromEnd, movesBetweenThreads, noteSent } from "./evidence/turn.ts";
import { type WakeEdge, Wakes } from "./evidence/wakes.ts";
import type { JoinerOptions } from "./joiner-options.ts";
import { ProcessWork } from "./process-work.ts";
import type { Stretch } from "./thread-log.ts";
import { decide, decideRemote } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";
import { type Unit, unitKeyOf } from "./unit.ts";
import { noteEdge } from "./unit-edges.ts";
import { Watches } from "./watch/watches.ts";

const MAX_PROCESSES = 16_384;
/** Undecided calls of one unit; the oldest is decided first. */
const MAX_UNIT_CALLS = 1024;
const NEVER = Number.POSITIVE_INFINITY;

export class Joiner {
  readonly #sdkSpans: SdkSpans;
  readonly #areThreadsUnits: (tgid: number) => boolean;
  readonly #watches: Watches;
  readonly #processes = new Map<number, ProcessWork>();
  /** Those in which something is held. */
  readonly #holding = new Set<ProcessWork>();
  #lastOrder = 0;
  #sweptNs = 0;
  /** What it could not keep, by reason. */
  readonly forgotten = new Map<string, number>();

  constructor(options: JoinerOptions = {}) {
    this.#sdkSpans = options.sdkSpans ?? SdkSpans.join;
    this.#areThreadsUnits = options.areThreadsUnits ?? (() => true);
    this.#watches = new Watches(options.watch);
  }

  /** The unit that makes or reads a request: to be known before its node is made. */
  unitOf(meta: EventMeta): Unit {
    return this.#workOf(meta.tgid).unitOf(meta);
  }

  /** The same for the request of a client on `connection`. */
  readerOf(meta: EventMeta, connection: object): Unit {
    return this.#workOf(meta.tgid).readerOf(meta, connection);
  }

  /**
   * Bytes were read from a socket, whatever they are: a callback of its own in a loop, a wait in a thread.
   *
   * @param isFromClient false: the local end is the client
   */
  bytesRead(meta: EventMeta, isFromClient: boolean): void {
    if (isFromClient) this.#processes.get(meta.tgid)?.lastAnswers.reads(unitKeyOf(meta));
    if (meta.coroutineId !== 0 || movesBetweenThreads(meta.unitKind)) return;
    const work = this.#workOf(meta.tgid);
    const ended = work.logOf(meta.pid).touched(meta);
    if (ended !== undefined) this.#ended(work, ended, meta.timestampNs);
  }

  /** A thread of a JVM tells where its next object will lie. */
  placed(meta: EventMeta): void {
    if (this.#workOf(meta.tgid).placed(meta)) this.#holding.add(this.#workOf(meta.tgid));
  }

  /** connect(2) is called: what is known of its cause is to be kept for the connection's first request. */
  connecting(meta: EventMeta): Connecting {
    const stretch = this.#processes.get(meta.tgid)?.logOf(meta.pid).stretchAt(meta);
    // It waits for the connection.
    if (stretch !== undefined) {
      stretch.hasSent = true;
      stretch.connects++;
    }
    return { meta, stretch };
  }

  /** @param nowNs of the events' clock */
  advance(nowNs: number): void {
    if (nowNs - this.#sweptNs > AFTER_ANSWER_NS) this.#sweep(nowNs);
    for (const work of this.#holding) {
      for (const stretch of work.held.expired(nowNs)) this.#ended(work, stretch, nowNs);
      work.late.advance(nowNs);
      work.createdThreads.advance(nowNs);
      work.handovers.advance(nowNs);
      if (work.isHolding) continue;
      this.#holding.delete(work);
      this.#decideOrphans(work);
    }
  }

  /** Its threads are its units of work, as far as its answers have shown. */
  servesByThread(tgid: number): boolean {
    const work = this.#processes.get(tgid);
    return work !== undefined && isServedByThreads(work);
  }

  /**
   * @param client the other end of the same exchange, where it was seen on this host
   * @param mayComeLate the other end may still be told: the node waits
   */
  serverStarted(node: TraceNode, client: TraceNode | undefined, mayComeLate: boolean): void {
    this.#lastOrder = Math.max(this.#lastOrder, node.start.order);
    if (client !== undefined) this.clientFound(node, client);
    else if (!decideRemote(node, "carried") && !mayComeLate) decide(node, undefined, undefined);
    if (node.unit === undefined) return;
    const work = this.#workOf(node.start.tgid);
    node.isMadeByOthers = isServerSpanOfLibrary(work, node.protocol, this.#sdkSpans);
    work.opened(node, node.unit);
    this.#watches.served(work, node);
    work.wakes?.requestRead(node);
    work.createdThreads.forget(node.start.pid);
    work.logOf(node.start.pid).read(node, node.start);
    work.resumed.requestRead(node, node.start);
  }

  clientFound(node: TraceNode, client: TraceNode): void {
    client.hasServer = true;
    decide(node, client, "exchange");
  }

  /** The last byte of a request, or the first of a call's answer, has been read: what comes now can be due to it. */
  messageRead(node: TraceNode, meta: EventMeta): void {
    const work = meta.tgid === node.start.tgid ? this.#processes.get(meta.tgid) : undefined;
    work?.logOf(meta.pid).read(node, meta);
    if (node.isServer) work?.resumed.requestRead(node, meta);
    else work?.answerRead(node, meta);
  }

  /** @param connecting of the connection's connect(2), if it was seen */
  clientStarted(node: TraceNode, connecting: Connecting | undefined): void {
    this.#lastOrder = Math.max(this.#lastOrder, node.start.order);
    const work = this.#workOf(node.start.tgid);
    const unit = node.unit!;
    if (decideCarried(work, node, this.#sdkSpans)) return;
    const isIdle = work.open.size === 0;
    if (isIdle && !work.hasHidden) work.addBackground(node);
    if (!isIdle) work.wakes?.called(work, node);
    if (!isIdle) this.#watches.called(work, node);
    work.answeredTasks.called(node);
    const isCreated = joinExactly(work, node);
    if (!work.late.isEmpty) this.#holding.add(work);
    if (isCreated) return;
    work.createdThreads.called(node);
    const isBehindAnswer = this.#joinByUnit(work, node, unit);
    if (!node.isDecided && !node.isHeld) this.#joinByHandover(work, node, isIdle);
    if (node.isDecided) return;
    if (!node.isHeld && !movesBetweenThreads(unit.kind)) this.#joinBySending(work, node, connecting);
    if (work.isAwaited(node)) this.#holding.add(work);
    if (!isIdle || work.resumed.mayBeBehind(node)) this.#watches.strayed(work, node);
    if (isIdle) {
      if (node.isAwaited) this.#giveUp(work.undecided.push(node), "undecided");
      else if (!node.isHeld) decide(node, undefined, undefined);
      return;
    }
    if (!node.isDecided && !node.isHeld) {
      const own = callerOfThread(work, unit, node);
      if (own !== undefined) decide(node, own, "thread");
    }
    // Decided ones too: who is alone is learnt from them.
    this.#giveUp(work.undecided.push(node), "undecided");
    // What waits behind an answer is older than all that this unit will answer, if it answers what it reads.
    if (node.isDecided || (isBehindAnswer && unit.servesConnection)) return;
    this.#addCall(unit, node);
    const opener = openerOf(work, node, connecting);
    if (opener !== undefined) this.#addCall(opener, node);
  }

  #addCall({ calls }: Unit, node: TraceNode): void {
    calls.push(node);
    if (calls.length > MAX_UNIT_CALLS) this.#giveUp(calls.shift(), "unit_calls");
  }

  /** The call's answer has been read. */
  clientFinished(node: TraceNode, meta: EventMeta | undefined): void {
    node.isFinished = true;
    this.#processes.get(node.start.tgid)?.answeredTasks.callEnded(node, meta !== undefined);
    node.endNs = (meta ?? node.start).timestampNs;
    if (meta === undefined) return;
    this.#processes.get(node.start.tgid)?.handovers.callEnded(node, meta.timestampNs);
    const work = this.#workOf(meta.tgid);
    work.wakes?.replyRead(node, meta, true);
    work.logOf(meta.pid).read(node, meta, true);
  }

  /** A read or write of a file is over; its order is that of its end. */
  ioDone(node: TraceNode): void {
    const work = this.#workOf(node.start.tgid);
    this.#giveUp(work.io.done(work, node), "io");
  }

  /** Bytes of the server's answer are written: its first ones, and its last. */
  serverAnswers(node: TraceNode, meta: EventMeta, isEnd: boolean): void {
    const work = this.#processes.get(node.start.tgid);
    if (work === undefined || meta.tgid !== node.start.tgid || node.isDoubtful || !node.unit) return;
    const unit = work.unitOf(meta);
    joinByAnswer(work, node, unit, meta);
    if (isEnd) work.javaMakers.answers(work, node, unit, meta);
    joinPassedOn(work, node);
    work.wakes?.join(work, node, meta);
    if (!work.isInDoubt(meta)) {
      const stretch = work.areThreadsInDoubt(meta) ? undefined : work.logOf(meta.pid).stretchAt(meta);
      if (stretch !== undefined) joinInStretch(work, node, stretch, meta);
      work.batches.join(node, stretch);
      if (!work.held.isEmpty) this.#holding.add(work);
      joinSingle(work, node, isEnd);
    }
    work.io.joinByAnswer(work, node, unit, work.logOf(meta.pid).stretchAt(meta), meta);
    unit.dropDecided();
  }

  /** @param meta of the answer's end; undefined: there was none */
  serverFinished(node: TraceNode, meta: EventMeta | undefined): void {
    node.isFinished = true;
    node.endNs = (meta ?? node.start).timestampNs;
    const work = this.#processes.get(node.start.tgid);
    if (work === undefined || node.unit === undefined) return;
    work.wakes?.closed(node);
    work.answeredTasks.requestEnded(node);
    if (meta !== undefined && meta.tgid === node.start.tgid) {
      this.#lastOrder = Math.max(this.#lastOrder, meta.order);
      const unit = work.unitOf(meta);
      learnFromAnswer(work, node, unit);
      const since = Math.max(node.start.order, node.turnOrder, unit.lastAnswerOrder);
      const isBelieved = answerEvidence(work, node, unit, meta) !== undefined;
      unit.lastAnswerOrder = meta.order;
      work.closed(node, meta.order);
      if (unit === node.unit) work.answered(unit, node, meta);
      noteAnsweredBy(work, unit.key, node, since, meta, isBelieved);
      work.forgetIfIdle(unit);
    } else {
      work.closed(node, this.#lastOrder);
    }
    work.offspring.closed(node);
    work.createdThreads.requestEnded(node);
    if (!work.late.isEmpty || work.createdThreads.isHolding) this.#holding.add(work);
    this.#decideOrphans(work);
  }

  /** One unit of a process did something to another. */
  unitEdge(event: UnitEdgeEvent, order: number): void {
    const { tgid } = event.header;
    // Most processes that create threads have nothing else to tell.
    const work = event.edge === UnitEdge.creates ? this.#workOf(tgid) : this.#processes.get(tgid);
    if (work === undefined) return;
    noteEdge(work, event, order);
    this.#watches.edge(work, event);
    if (!work.late.isEmpty || !work.held.isEmpty || work.createdThreads.isHolding) this.#holding.add(work);
  }

  /** One goroutine hands something over to another one. */
  handover(event: HandoverEvent, order: number): void {
    const work = this.#workOf(event.header.tgid);
    this.#watches.handover(work, event, order);
    if (work.handovers.isHolding || !work.late.isEmpty) this.#holding.add(work);
  }

  streamCallsOf(tgid: number): StreamCalls {
    return this.#workOf(tgid).streamCalls;
  }

  /** Events are missing: what seems to be open may be answered, and what seems to be alone may not be. */
  lossSeen(nowNs: number, tgid?: number): void {
    if (tgid !== undefined) this.#processes.get(tgid)?.doubt(nowNs);
    else for (const work of this.#processes.values()) work.doubt(nowNs);
  }

  /** It exports spans of its own. */
  exportsSpans(tgid: number): void {
    this.#workOf(tgid).isInstrumented = true;
  }

  /** A connection of this process as a server can't be read. */
  hidden(tgid: number): void {
    this.#workOf(tgid).hasHidden = true;
  }

  /** One thread of a process wakes another, a short time after it has read something or was woken so itself. */
  woken(tgid: number, edge: WakeEdge): void {
    const work = this.#workOf(tgid);
    work.wakes ??= new Wakes();
    work.wakes.woken(work, edge);
  }

  /** A tgid that comes back names another process. */
  exited(tgid: number): void {
    const work = this.#processes.get(tgid);
    if (work === undefined) return;
    for (const stretch of work.held.expired(NEVER)) this.#ended(work, stretch, NEVER);
    work.late.advance(NEVER);
    this.#holding.delete(work);
    this.#processes.delete(tgid);
    work.createdThreads.advance(NEVER);
    work.handovers.forget();
    for (const call of work.undecided.drain()) {
      work.answeredTasks.callEnded(call, call.isFinished);
      decide(call, undefined, undefined);
    }
    work.io.giveUp(Number.POSITIVE_INFINITY);
  }

  #sweep(nowNs: number): void {
    this.#sweptNs = nowNs;
    for (const work of this.#processes.values()) work.expire(nowNs);
  }

  /**
   * By what the unit has read: a request that it serves, or one that it has answered.
   *
   * @returns it has answered it, and the call waits until that is believed
   */
  #joinByUnit(work: ProcessWork, node: TraceNode, unit: Unit): boolean {
    const answered = answeredBy(work, unit.key, node.start);
    if (answered !== undefined) {
      const isShown = (timestampNs: number) => areBelieved(work, unit.kind, { timestampNs });
      if (work.late.hold(node, answered, "after_answer", node.start.timestampNs, isShown)) this.#holding.add(work);
      else this.#count("late");
      return node.isHeld;
    }
    const served = unit.serving;
    // A call that is known late was made under whatever the unit did then.
    if (served !== undefined) decide(node, served.start.order < node.start.order ? served : undefined, "unit");
    return false;
  }

  #joinByHandover(work: ProcessWork, node: TraceNode, isIdle: boolean): void {
    if (node.unit?.kind !== UnitKind.goroutine || node.unit.hasRead || work.offspring.isWaiting(node)) return;
    work.handovers.called(work, node);
    if (work.handovers.isHolding || !work.late.isEmpty) this.#holding.add(work);
    this.#watches.ofGoroutine(work, node, isIdle);
  }

  #joinBySending(work: ProcessWork, node: TraceNode, connecting: Connecting | undefined): void {
    const log = work.logOf(node.start.pid);
    const here = log.stretchAt(node.start);
    const stretch = node.isFirst ? stretchOfFirst(node, here, connecting, log) : here;
    noteSent(work, node, stretch);
    if (stretch === undefined || work.areThreadsInDoubt(node.start)) return;
    if (node.isFirst) joinByConnect(work, node, connecting);
    else joinByCallback(node, stretch);
  }

  #ended(work: ProcessWork, stretch: Stretch, nowNs: number): void {
    learnFromEnd(work, stretch);
    work.batches.ended(stretch);
    if (!work.held.ended(stretch)) return;
    const claims = work.resumed.claimsOf(stretch);
    if (claims !== undefined) {
      joinByReplyTurn(work, stretch, nowNs);
      work.resumed.join(work, claims, stretch, nowNs);
    }
    if (work.isHolding) this.#holding.add(work);
  }

  /** Calls that were made before any request that is still open: nobody is left who could claim them. */
  #decideOrphans(work: ProcessWork): void {
    const oldest = work.open.oldest?.start.order ?? Number.POSITIVE_INFINITY;
    work.io.giveUp(oldest);
    this.#count("undecided", work.undecided.giveUpBefore(oldest, !this.#holding.has(work)));
    this.#watches.orphaned(work);
  }

  #giveUp(node: TraceNode | undefined, reason: string): void {
    if (node !== undefined && decide(node, undefined, undefined)) this.#count(reason);
  }

  #count(reason: string, count = 1): void {
    if (count > 0) this.forgotten.set(reason, (this.forgotten.get(reason) ?? 0) + count);
  }

  #workOf(tgid: number): ProcessWork {
    let work = this.#processes.get(tgid);
    if (work === undefined) {
      if (this.#processes.size >= MAX_PROCESSES) this.exited(this.#processes.keys().next().value!);
      const count = (reason: string, units: number) => this.#count(reason, units);
      work = new ProcessWork(tgid, () => this.#areThreadsUnits(tgid), count);
      this.#processes.set(tgid, work);
    }
    return work;
  }
}
