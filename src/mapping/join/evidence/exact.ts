/**
 * Evidence: what the runtime itself says a call is for (CauseKind): a pointer or an id that leads to the request.
 *
 * `context`: the call carries the context of a request on a connection of net/http's server, which the server has not
 * cancelled, so that request is the one being handled there, whichever goroutine makes the call; or the context itself
 * tells (request-contexts.ts). `stream`: the caller is the goroutine that a server over HTTP/2 has started for a stream. `creator`: the caller
 * was created by the unit that serves the request, after it had read it, or by one that was created so. `waker`: a task of
 * tokio's that serves the request is the one that the connection's task wakes when it has read the call's answer; where that
 * never comes, the only one that had woken it since it last sent something, beside the one that it has answered
 * (answered-tasks.ts).
 *
 * Lie where a connection or a unit is at more than one request at once (they are not asked then), and where the kernel's
 * events of a request's answer and of the next request's begin both got lost.
 */
import { CauseKind, type UnitEdgeEvent, UnitKind } from "../../../bpf/layout.gen.ts";
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import {
  hasTurn,
  idOfKey,
  isJustRead,
  kindOfKey,
  oldestInOrder,
  SERVES_WHAT_IT_READS,
  type Unit,
  unitKey,
  unitKeyOf,
} from "../unit.ts";
import { answersOne, answersThrough, sinceOf, type Through } from "./answered-through.ts";
import { awaitedBy } from "./awaited-calls.ts";
import type { CreatedFor } from "./creators.ts";
import { isForObject } from "./java-cause.ts";
import { AFTER_ANSWER_NS, answeredBy, areBelieved } from "./last-answers.ts";
import { type Creation, creationOf as creationIdOf, mayBeForNext } from "./lineage.ts";
import { servedByProvenThread } from "./own-thread.ts";
import { awaitAnswer, contextOf, holdBehindHandler } from "./request-contexts.ts";

/** Kinds of units that may be at a request which another one has read. */
const ANSWERS_FOR_OTHERS: readonly number[] = [
  UnitKind.none,
  UnitKind.pythonContext,
  UnitKind.pythonJob,
  UnitKind.rubyFiber,
];

/** @returns whether the call's parent is decided now */
export function joinExactly(work: ProcessWork, call: TraceNode): boolean {
  const { causeKind, causeId, causeRequest } = call.start;
  if (isForObject(call)) return work.javaMakers.called(work, call);
  const hasContext = contextOf(call.start) !== 0;
  if (causeKind === CauseKind.goStream) return join(call, work.connections.ofStream(causeId, causeRequest), "stream");
  if (causeKind === CauseKind.goContext && join(call, work.connections.servedIn(causeId), "context")) return true;
  if (causeKind === CauseKind.goEndedContext) holdBehindHandler(work, call);
  else if (hasContext && (causeKind === CauseKind.goContext || call.unit!.serving === undefined))
    awaitAnswer(work, call);
  if (causeKind === CauseKind.goContext || hasContext) return false;
  if (causeKind === CauseKind.creation) work.lineage.called(causeId);
  if (isWakerKnown(call) && expectAnswer(work, call, causeId)) return false;
  const creation = creationOf(work, call);
  const mayBePools = call.unit?.kind === UnitKind.rubyFiber && work.mayHandOver;
  if (creation !== undefined && !mayBePools) {
    if (creation.isBehind) waitForMaker(work, call);
    return joinCreated(work, call, callerOf(call), creation);
  }
  if (call.start.causeKind !== CauseKind.creation || !joinMade(work, call))
    work.offspring.callsFor(callerOf(call), call);
  return false;
}

/** Whose work it is shows by the answers of the makers. @returns whether one of them has answered already */
function joinMade(work: ProcessWork, call: TraceNode): boolean {
  if (call.unit!.open.length > 0) return false;
  if (holdBehindOwnAnswer(work, call)) return true;
  const creations = makersOf(work, call);
  for (const creation of creations) {
    const made = { call, creation, work: creations[0]!.work };
    const served = work.lineage.answeredOf(creation);
    if (served === undefined) work.lineage.wait(made);
    else if (mayBeForNext(creation, served)) return false;
    else {
      const facts = { server: creation.maker, work: made.work, isBehind: false };
      joinCreated(work, call, callerOf(call), { served, ...facts, turnOf: turnOf(served, creation.work) });
      return true;
    }
  }
  return false;
}

/**
 * The unit that calls was made for one request, and has answered it, or was made by such a one since.
 *
 * @returns whether the call waits for that to be sure
 */
function holdBehindOwnAnswer(work: ProcessWork, call: TraceNode): boolean {
  const { causeId, timestampNs } = call.start;
  const served = answeredByFresh(work, unitKeyOf(call.start), causeId, call);
  if (served !== undefined) {
    const isShown = () => isFreshAt(work, unitKeyOf(call.start), causeId, served);
    return work.late.hold(call, served, "after_answer", timestampNs, isShown);
  }
  for (const creation of makersOf(work, call)) {
    const { maker, makerCreation } = creation;
    const made = answeredByFresh(work, maker, makerCreation, call);
    if (made === undefined || creation.madeNs < made.endNs) continue;
    if (mayBeForNext(creation, made)) return false;
    const created = { served: made, server: maker, work: creation.work, isBehind: true, turnOf: undefined };
    const isStill = () => isFreshAt(work, maker, makerCreation, made);
    work.offspring.joinAnswered(call, callerOf(call), created, false, isStill);
    return true;
  }
  return false;
}

/** What the unit has answered, where those that run what it runs serve one request each. */
function answeredByFresh(work: ProcessWork, unit: number, creation: number, call: TraceNode): TraceNode | undefined {
  const served = work.lineage.lastAnswerOf(unit, creation);
  if (served === undefined || served.start.order > call.start.order || work.isInDoubt(call.start)) return undefined;
  if (call.start.timestampNs - served.endNs > AFTER_ANSWER_NS) return undefined;
  return isFreshAt(work, unit, creation, served) ? served : undefined;
}

function isFreshAt(work: ProcessWork, unit: number, creation: number, served: TraceNode): boolean {
  const { lineage, freshUnits } = work;
  const kind = lineage.creation(creation)?.work ?? 0;
  return freshUnits.areProven(kind) && lineage.lastAnswerOf(unit, creation) === served;
}

/** `unit` has written the end of the answer to `served`, at which it has been since. */
export function noteAnsweredBy(
  work: ProcessWork,
  unit: number,
  served: TraceNode,
  since: number,
  meta: EventMeta,
  isBelieved: boolean,
): void {
  const { lineage, offspring, freshUnits } = work;
  if (isBelieved) {
    offspring.made(served, lineage.worksMade(unit, served, since, meta));
    const own = lineage.creation(creationIdOf(meta));
    const hasAnswered = lineage.lastAnswerOf(unit, creationIdOf(meta)) !== undefined;
    if (own !== undefined) freshUnits.answered(served, own, hasAnswered);
    for (const through of answersThrough(work, served, meta)) noteAnsweredThrough(work, served, through);
  }
  lineage.answered(unit, served, since, meta, isBelieved);
}

/** What it does from now on is for this request, too, as if it had answered it itself. */
function noteAnsweredThrough(work: ProcessWork, served: TraceNode, { key, creation, meta }: Through): void {
  const { lineage, offspring, freshUnits } = work;
  freshUnits.answered(served, creation, creation.answers > 0);
  creation.answers++;
  if (!answersOne(work, creation)) return;
  offspring.made(served, lineage.worksMade(key, served, sinceOf(served), meta));
  lineage.answered(key, served, sinceOf(served), meta, true);
}

/** How the unit that calls was made, and its maker; of a thread of Ruby not the maker, which may be a pool's. */
function makersOf(work: ProcessWork, { start, unit }: TraceNode): readonly Creation[] {
  const creations = [...work.lineage.of(start.causeId)];
  return unit?.kind === UnitKind.rubyFiber ? creations.slice(0, 1) : creations;
}

/** The maker may be at another request by now than at the one that it has answered: then it will answer that one. */
function waitForMaker(work: ProcessWork, call: TraceNode): void {
  for (const creation of makersOf(work, call)) work.lineage.wait({ call, creation, work: creation.work });
}

/** `served` is being answered by the unit of `meta`, which has been at it since: what it has made meanwhile called for it, but for what is taken. */
export function joinMadeByAnswer(
  work: ProcessWork,
  served: TraceNode,
  { key }: Pick<Unit, "key">,
  since: number,
  meta: EventMeta,
  taken: Set<TraceNode>,
): void {
  for (const { call, creation, work: kind } of work.lineage.take(key, served, since, meta)) {
    if (taken.has(call)) continue;
    taken.add(call);
    const { unit } = call;
    // A pool's thread, which serves requests itself, or may: who answers has waited for what it has made for that.
    const isPools = unit?.hasRead || !call.isFinished || work.lineage.hasAnswered(unit?.key ?? 0);
    if (unit?.kind === UnitKind.rubyFiber && isPools) continue;
    const isOfFresh = isMadeForOne(work, creation, served);
    const isInTurn = (served.isPipelined && !isOfFresh) || mayBeForNext(creation, served);
    if (!isInTurn) work.offspring.turns.madeBefore(creation.work);
    const told = kindOfKey(key) === UnitKind.rubyFiber ? { toldNs: meta.timestampNs } : {};
    const facts = { server: key, work: kind, isBehind: false, isOfFresh, ...told };
    joinCreated(work, call, callerOf(call), { served, ...facts, turnOf: isInTurn ? creation.work : undefined });
  }
}

/** Its maker was made when the turn of `served` had come, as are those that run what it runs, for one request each. */
function isMadeForOne({ lineage, freshUnits }: ProcessWork, { makerCreation }: Creation, served: TraceNode): boolean {
  const maker = lineage.creation(makerCreation);
  if (maker === undefined || !freshUnits.areProven(maker.work)) return false;
  return maker.order > sinceOf(served) && maker.madeNs >= served.start.timestampNs;
}

function turnOf({ isPipelined }: TraceNode, work: number): number | undefined {
  return isPipelined ? work : undefined;
}

/** Of a call that shares its connection, the one that was sent for before may have woken it for this one, too. */
function isWakerKnown({ start, hasConnection }: TraceNode): boolean {
  return start.causeKind === CauseKind.waker || (start.causeKind === CauseKind.newWaker && hasConnection);
}

/** The task that had woken the call's connection serves a request. @returns false: it serves none */
function expectAnswer(work: ProcessWork, call: TraceNode, waker: number): boolean {
  const unit = work.unitNamed(UnitKind.tokioTask, waker);
  if (unit === undefined || unit.open.length === 0) return false;
  const served = servedInTurn(unit);
  if (served !== undefined && served.start.order < call.start.order) work.answeredTasks.expect(call, served);
  return true;
}

/** The task `reader` has read an answer and wakes `woken`, which has made the call. */
export function joinAnswered(work: ProcessWork, reader: number, woken: number): void {
  const call = work.answeredTasks.answered(reader, woken);
  if (call === undefined) return;
  const unit = work.unitNamed(UnitKind.tokioTask, woken);
  if (unit !== undefined && unit.open.length > 0) {
    const served = servedInTurn(unit);
    if (served !== undefined) join(call, served, "waker");
    else awaitedBy(unit, call);
    return;
  }
  // Asked when it was sent, and waits for proof.
  if (call.hasConnection && isWakerKnown(call) && call.start.causeId === woken) return;
  const key = unitKey(UnitKind.tokioTask, woken);
  const creation = work.creators.of(woken);
  if (creation !== undefined) joinCreated(work, call, key, creation);
  else work.offspring.callsFor(key, call);
}

/** What was read too early is its turn as soon as what came before it is answered. */
export function servedInTurn(unit: Unit): TraceNode | undefined {
  return unit.open[0]?.isPipelined ? unit.serving : servedBy(unit);
}

/** For which request the unit that makes a call was created. */
function creationOf(work: ProcessWork, { start, hasConnection }: TraceNode): CreatedFor | undefined {
  const { causeKind, causeId } = start;
  if (causeKind === CauseKind.creation) return work.creators.of(causeId);
  // What wakes a connection that carries several calls at a time may be a task that sends for all (HTTP/2).
  if (causeKind === CauseKind.waker || causeKind === CauseKind.newWaker)
    return hasConnection ? work.creators.of(causeId) : undefined;
  if (causeKind === CauseKind.goStreamChild) {
    const served = work.connections.ofStream(causeId, start.causeRequest);
    if (served !== undefined) work.handlerWatch.called();
    return served && { served, server: 0, work: start.unitParent, isBehind: false, turnOf: undefined };
  }
  if (causeKind !== CauseKind.goCreator || work.handovers.isShared(idOfKey(unitKeyOf(start)))) return undefined;
  const server = unitKey(UnitKind.goroutine, causeId);
  if (start.causeRequest !== 0) {
    const served = madeFor(work, causeId, start.causeRequest);
    const isBehind = served?.isFinished === true;
    return served && { served, server, work: start.unitParent, isBehind, turnOf: undefined };
  }
  // Created after the creator's last read, be it of a request that is answered by now.
  const answered = answeredBy(work, server, start);
  const served = answered ?? servedBy(work.unitNamed(UnitKind.goroutine, causeId));
  if (served === undefined || (answered === undefined && isJustRead(served, start.timestampNs))) return undefined;
  return { served, server, work: start.unitParent, isBehind: answered !== undefined, turnOf: undefined };
}

/** The request that the goroutine `maker`, which had read last at `readNs`, was at when it made another one. */
function madeFor(work: ProcessWork, maker: number, readNs: number): TraceNode | undefined {
  const unit = work.unitNamed(UnitKind.goroutine, maker);
  return work.pastRequests.at(unit, unitKey(UnitKind.goroutine, maker), readNs);
}

/** A thread is created: for the request that the unit serves which has created it, or has just answered. */
export function noteThread(work: ProcessWork, { header, unitKind, fromId, toId }: UnitEdgeEvent): void {
  const [kind, id] = fromId === 0 ? [UnitKind.none, header.pid] : [unitKind, fromId];
  const answered = answeredBy(work, unitKey(kind, id), header);
  const served = answered ?? servedBy(work.unitNamed(kind, id));
  // It may be done, and its answer kept back, while the next one is served.
  const mayBeKeptBack = answered === undefined && served !== undefined && work.connections.hasBehind(served);
  work.createdThreads.created(toId, header, served, mayBeKeptBack ? () => !served.isWithNext : undefined);
}

/** A unit is created: for the request that its creator is at, which it has read, or answered last, or was created for. */
export function noteCreation(work: ProcessWork, event: UnitEdgeEvent, order: number): void {
  const { unitKind, fromId, fromCreation, toId, work: kind } = event;
  work.offspring.areMade = true;
  const unit = work.unitNamed(unitKind, fromId);
  if (ANSWERS_FOR_OTHERS.includes(unitKind)) {
    const isServer =
      unitKind === UnitKind.rubyFiber &&
      (unit?.hasRead === true || work.lineage.hasAnswered(unitKey(unitKind, fromId)));
    if (!isServer && work.lineage.isHandedOn(event)) return;
    work.lineage.add(event, order);
  }
  const server = unitKey(unitKind, fromId);
  const answered = answeredBy(work, server, event.header);
  const served = answered ?? openOf(work, unit, event, order);
  // What is told late was made for an earlier request of the unit, or of another one at its address.
  if (served !== undefined && served.start.timestampNs > event.header.timestampNs) return;
  noteTurn(work, event, answered !== undefined, served);
  if (served !== undefined) work.offspring.made(served, [kind]);
  if (served !== undefined && served.start.order < order)
    work.creators.add(toId, {
      served,
      server,
      work: kind,
      isBehind: answered !== undefined,
      turnOf: turnOf(served, kind),
    });
  else if (unit === undefined || unit.open.length === 0) {
    // Whoever hands a request on makes the pool's next thread: what that one makes is for what it takes.
    const inherited = unitKind === UnitKind.rubyFiber ? undefined : work.creators.of(fromCreation);
    if (inherited !== undefined) work.creators.add(toId, { ...inherited, work: kind });
  }
}

/** Whether what runs this function is made before answers or behind them. */
function noteTurn(work: ProcessWork, event: UnitEdgeEvent, isBehind: boolean, served: TraceNode | undefined): void {
  const { unitKind, fromId, fromCreation, work: kind, header } = event;
  const { turns } = work.offspring;
  const server = unitKey(unitKind, fromId);
  if (!isBehind && served !== undefined) {
    if (!served.isPipelined) turns.madeBefore(kind);
    return;
  }
  const last = work.lineage.lastAnswerOf(server, fromCreation);
  const hasAnsweredAll = last !== undefined && !work.connections.isServing(last.connection);
  if (isBehind || hasAnsweredAll || work.lastAnswers.hasAnsweredAll(server)) turns.madeBehind(kind, header.timestampNs);
}

/** The request that the unit is at, as it has read it. */
function openOf(work: ProcessWork, unit: Unit | undefined, { header }: UnitEdgeEvent, order: number) {
  if (unit?.isThread) return servedByProvenThread(work, unit, { timestampNs: header.timestampNs, order });
  // gevent's and eventlet's servers write each answer before they begin with the next request.
  if (unit?.kind === UnitKind.greenlet && !unit.isShared) return servedBy(unit) ?? oldestInOrder(unit.open);
  return unit?.servesWhatItReads ? servedBy(unit) : undefined;
}

export function joinCreated(work: ProcessWork, call: TraceNode, unit: number, created: CreatedFor): boolean {
  const { served, server, isBehind } = created;
  if (served.start.order > call.start.order || served.isDoubtful) return false;
  const { timestampNs } = call.start;
  if (!served.isFinished) return work.offspring.joinOpen(call, unit, created);
  if (work.isInDoubt(call.start) || timestampNs - served.endNs > AFTER_ANSWER_NS) return false;
  const isStill = (nowNs: number) => !isBehind || areBelieved(work, kindOfKey(server), { timestampNs: nowNs });
  work.offspring.joinAnswered(call, unit, created, hasReadOn(work, created, timestampNs), isStill);
  return false;
}

/** The unit that was at the request is at another one by now, or may be. */
function hasReadOn(work: ProcessWork, { served, server }: CreatedFor, nowNs: number): boolean {
  // Who serves a stream serves no other.
  if (server === 0) return false;
  const last = work.lastAnswers.of(server, nowNs);
  // Of a unit that does not read what it serves, the connection tells.
  if (last === undefined && !SERVES_WHAT_IT_READS.includes(kindOfKey(server)))
    return work.connections.isServing(served.connection);
  return last?.served !== served;
}

/** Key of the unit that makes the call, as far as is known: with tokio the one that has woken the connection's. */
function callerOf({ start, unit }: TraceNode): number {
  if (start.causeKind === CauseKind.creation) return unitKey(unit!.kind, start.causeId);
  const isWoken = start.causeKind === CauseKind.waker || start.causeKind === CauseKind.newWaker;
  return isWoken ? unitKey(UnitKind.tokioTask, start.causeId) : unitKeyOf(start);
}

/** The only request that the unit serves, if it has read it after its last answer: before, it was not yet its turn. */
function servedBy(unit: Unit | undefined): TraceNode | undefined {
  const served = unit?.open[0];
  if (served === undefined || unit!.open.length !== 1 || unit!.isShared || !hasTurn(served)) return undefined;
  return served.start.order > unit!.lastAnswerOrder ? served : undefined;
}

function join(call: TraceNode, served: TraceNode | undefined, evidence: string): boolean {
  if (served === undefined || served.start.order > call.start.order) return false;
  return decide(call, served, evidence);
}
