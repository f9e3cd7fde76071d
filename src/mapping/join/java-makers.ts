/**
 * Evidence `creator`, JVM: the object that a call is made for was made by the thread that served the request, between its
 * read and its answer (java-heap.ts). The object is the job that an executor's thread runs, or the request that HttpClient sends.
 *
 * Proves: who made the job was at the request. Lies where the job goes on for others, as a consumer that the first request
 * starts: jobs are doubted as all creators are (offspring.ts). Of threads it is asked what they serve as if they had made the call
 * themselves (own-thread.ts), or the answer tells (hindsight.ts).
 */
import { CauseKind } from "../../bpf/layout.gen.ts";
import { makeRoom } from "../../make-room.ts";
import type { EventMeta } from "../event-meta.ts";
import { joinCreated } from "./exact.ts";
import { answerEvidence } from "./hindsight.ts";
import { JavaHeap } from "./java-heap.ts";
import { callerOfThread } from "./own-thread.ts";
import type { ProcessWork } from "./process-work.ts";
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";
import type { Unit } from "./unit.ts";

const EVIDENCE = "creator";
const MAX_WAITING = 1024;
const MAX_ANSWERED = 4096;
/** Addresses of objects of so many collections have different keys. */
const COLLECTIONS = 256;
const ADDRESSES = 2 ** 44;
const OBJECT_BYTES = 8;

/** A request that a thread has served, from one of its events to another. */
interface Served {
  readonly served: TraceNode;
  readonly since: number;
  readonly until: number;
}

interface Waiting {
  readonly call: TraceNode;
  readonly making: EventMeta;
}

export class JavaMakers {
  readonly #heap = new JavaHeap();
  /** By thread: calls for what it has made since it answered last. */
  readonly #waiting = new Map<number, Waiting[]>();
  /** By thread: what it has answered last; who has answered nothing for the longest time is forgotten first. */
  readonly #answered = new Map<number, Served>();
  /** Calls for objects of which it is not known yet who has made them. */
  #unknown: TraceNode[] = [];

  /** @returns whether calls may wait for a moment by now */
  placed(work: ProcessWork, meta: EventMeta): boolean {
    const stretch = this.#heap.placed(meta);
    if (stretch === undefined || this.#unknown.length === 0) return false;
    const unknown = this.#unknown;
    this.#unknown = [];
    for (const call of unknown) {
      const { causeId } = call.start;
      if (call.isDecided) continue;
      if (causeId >= stretch.start && causeId < stretch.end) this.called(work, call);
      else this.#unknown.push(call);
    }
    return work.isHolding;
  }

  /** @returns whether its parent is decided */
  called(work: ProcessWork, call: TraceNode): boolean {
    if (work.isInDoubt(call.start)) return false;
    const making = this.#heap.makingOf(call.start);
    if (making === undefined) {
      if (this.#unknown.length >= MAX_WAITING) this.#unknown.shift();
      this.#unknown.push(call);
      return false;
    }
    const unit = work.unitOf(making);
    if (unit === call.unit) return false;
    const served = this.#servedAt(work, unit, making, call);
    if (served !== undefined) return join(work, call, served);
    const waiting = this.#waiting.get(making.pid) ?? [];
    if (waiting.length === 0) this.#waiting.set(making.pid, waiting);
    if (waiting.length < MAX_WAITING) waiting.push({ call, making });
    return false;
  }

  /** The thread of `meta` writes the end of the answer of `served`. */
  answers(work: ProcessWork, served: TraceNode, unit: Unit, meta: EventMeta): void {
    const waiting = this.#waiting.get(meta.pid);
    this.#waiting.delete(meta.pid);
    this.#answered.delete(meta.pid);
    if (meta.causeKind !== CauseKind.javaPlace || answerEvidence(work, served, unit, meta) === undefined) return;
    const since = Math.max(served.start.order, served.turnOrder, unit.lastAnswerOrder);
    makeRoom(this.#answered, MAX_ANSWERED);
    this.#answered.set(meta.pid, { served, since, until: meta.order });
    for (const { call, making } of waiting ?? []) {
      if (!call.isDecided && making.order >= since) join(work, call, served);
    }
  }

  /** Events are missing. */
  forget(): void {
    this.#heap.forget();
    this.#waiting.clear();
    this.#answered.clear();
    this.#unknown = [];
  }

  /** What the maker was at behind this event of its. */
  #servedAt(work: ProcessWork, unit: Unit, making: EventMeta, call: TraceNode): TraceNode | undefined {
    const answered = this.#answered.get(making.pid);
    if (answered !== undefined && making.order < answered.until)
      return making.order >= answered.since ? answered.served : undefined;
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
