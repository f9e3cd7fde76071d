/**
 * Evidence `creator`, JVM: the object that a call is made for was made by the thread, or the virtual thread, that served the
 * request, between its read and its answer (java-heap.ts). The object is the job that an executor's thread runs, the request that
 * HttpClient sends, or the virtual thread that calls.
 *
 * Proves: who made the job was at the request. Lies where the job goes on for others, as a consumer that the first request
 * starts: jobs are doubted as all creators are (offspring.ts). Of threads it is asked what they serve as if they had made the call
 * themselves (own-thread.ts), or the answer tells (hindsight.ts).
 */
import { CauseKind, type UnitEdgeEvent, UnitKind } from "../../../bpf/layout.gen.ts";
import { makeRoom } from "../../../make-room.ts";
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import { type Unit, unitKey } from "../unit.ts";
import { joinCreated } from "./exact.ts";
import { answerEvidence } from "./hindsight.ts";
import { JavaHeap } from "./java-heap.ts";
import { blockOf, blocksOf } from "./java-ranges.ts";
import { JavaServed } from "./java-served.ts";
import { callerOfThread } from "./own-thread.ts";

const EVIDENCE = "creator";
const MAX_WAITING = 1024;
const MAX_IN_BLOCK = 64;
const MAX_UNITS = 4096;
/** Addresses of objects of so many collections have different keys. */
const COLLECTIONS = 256;
const ADDRESSES = 2 ** 44;
const OBJECT_BYTES = 8;

interface Waiting {
  readonly call: TraceNode;
  readonly making: EventMeta;
}

export class JavaMakers {
  readonly #heap = new JavaHeap();
  /** By unit: calls for what it has made since it answered last. */
  readonly #waiting = new Map<number, Waiting[]>();
  readonly #answered = new JavaServed();
  /** By the block of the heap: calls for objects of which it is not known yet who has made them. */
  readonly #unknown = new Map<number, TraceNode[]>();
  /** Calls that got their parent by a virtual thread that has made their objects. */
  joined = 0;

  /** @returns whether calls may wait for a moment by now */
  placed(work: ProcessWork, meta: EventMeta): boolean {
    if (meta.unitKind === UnitKind.jvmVirtualThread) this.#heap.seen(meta);
    if (meta.causeKind === CauseKind.none) this.#heap.passed(meta);
    if (meta.causeKind !== CauseKind.javaPlace) return false;
    const stretch = this.#heap.placed(meta);
    if (stretch === undefined || this.#unknown.size === 0) return false;
    // It may have more blocks than there are calls.
    for (const block of [...this.#unknown.keys()])
      if (block >= blockOf(stretch.start) && block <= blockOf(stretch.end)) this.#ask(work, block, stretch);
    return work.isHolding;
  }

  /** A virtual thread has made what lies in a part of the heap, since its last event. */
  made(work: ProcessWork, event: UnitEdgeEvent): void {
    if (work.mountWatch.isPausing(event.header)) return;
    if (!work.mountWatch.toldMade(event)) {
      this.#heap.forget();
      return;
    }
    const { unitKind, fromId, fromCreation, toId, work: collections } = event;
    if (fromId === 0) return;
    const range = { start: fromCreation, end: toId, unit: unitKey(unitKind, fromId) };
    if (!this.#heap.made(range, collections) || this.#unknown.size === 0) return;
    for (const block of blocksOf(range)) this.#ask(work, block, range);
  }

  /** The calls for objects in this block that lie in the range. */
  #ask(work: ProcessWork, block: number, { start, end }: { readonly start: number; readonly end: number }): void {
    const calls = this.#unknown.get(block);
    if (calls === undefined) return;
    this.#unknown.delete(block);
    for (const call of calls) {
      if (call.isDecided) continue;
      const { causeId } = call.start;
      if (causeId >= start && causeId < end) this.called(work, call);
      else this.#wait(call);
    }
  }

  #wait(call: TraceNode): void {
    const block = blockOf(call.start.causeId);
    const others = this.#unknown.get(block) ?? [];
    if (others.length === 0) {
      makeRoom(this.#unknown, MAX_WAITING);
      this.#unknown.set(block, others);
    }
    if (others.length >= MAX_IN_BLOCK) others.shift();
    others.push(call);
  }

  /** @returns whether its parent is decided */
  called(work: ProcessWork, call: TraceNode): boolean {
    if (work.isInDoubt(call.start)) return false;
    // Whoever has made a virtual thread that reads requests has not made it for what that one calls.
    if (call.start.causeKind === CauseKind.javaThread && call.unit?.hasRead) return false;
    const making = this.#heap.makingOf(call.start);
    if (making === undefined) {
      if (!call.unit?.hasRead && work.open.size > 0) work.mountWatch.wanted(call, this.joined);
      this.#wait(call);
      return false;
    }
    const unit = work.unitOf(making);
    if (unit === call.unit) return false;
    const served = this.#servedAt(work, unit, making, call);
    if (served !== undefined) return this.#join(work, call, served, unit);
    const waiting = this.#waiting.get(unit.key) ?? [];
    if (waiting.length === 0) {
      makeRoom(this.#waiting, MAX_UNITS);
      this.#waiting.set(unit.key, waiting);
    }
    if (waiting.length < MAX_WAITING) waiting.push({ call, making });
    return false;
  }

  /** The unit of `meta` writes the end of the answer of `served`. */
  answers(work: ProcessWork, served: TraceNode, unit: Unit, meta: EventMeta): void {
    const waiting = this.#waiting.get(unit.key);
    this.#waiting.delete(unit.key);
    const isKnown = meta.causeKind === CauseKind.javaPlace || unit.kind === UnitKind.jvmVirtualThread;
    if (!isKnown || answerEvidence(work, served, unit, meta) === undefined) return;
    const since = Math.max(served.start.order, served.turnOrder, unit.lastAnswerOrder);
    this.#answered.add(unit.key, { served, since, until: meta.order });
    for (const { call, making } of waiting ?? []) {
      if (!call.isDecided && making.order >= since) this.#join(work, call, served, unit);
    }
  }

  /** Events are missing. */
  forget(): void {
    this.#heap.forget();
    this.#waiting.clear();
    this.#answered.clear();
    this.#unknown.clear();
  }

  #join(work: ProcessWork, call: TraceNode, served: TraceNode, { kind }: Unit): boolean {
    if (kind === UnitKind.jvmVirtualThread) work.mountWatch.wanted(call, ++this.joined);
    return join(work, call, served);
  }

  /** What the maker was at behind this event of its. */
  #servedAt(work: ProcessWork, unit: Unit, making: EventMeta, call: TraceNode): TraceNode | undefined {
    if (this.#answered.hasAnsweredSince(unit.key, making.order)) return this.#answered.at(unit.key, making.order);
    const open = unit.isThread ? callerOfThread(work, unit, call) : unit.serving;
    return open !== undefined && open.start.order <= making.order ? open : undefined;
  }
}

function join(work: ProcessWork, call: TraceNode, served: TraceNode): boolean {
  const { causeKind, causeId, unitCount } = call.start;
  if (served.isDoubtful || served.start.order > call.start.order) return false;
  if (causeKind === CauseKind.javaRequest) return decide(call, served, EVIDENCE);
  const key = -(causeId / OBJECT_BYTES + (unitCount % COLLECTIONS) * ADDRESSES);
  // Made between the read and the answer, whatever the thread has read since.
  return joinCreated(work, call, key, { served, server: 0, work: 0, isBehind: false, turnOf: undefined });
}
