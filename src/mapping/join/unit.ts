/** Units of work of a process: what its runtime calls a goroutine, a task, a greenlet; else the thread. */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import type { NodeConnection, TraceNode } from "./trace-node.ts";

/** Kinds whose unit, once it has read a request, serves it: it does nothing else before it answers. */
export const SERVES_WHAT_IT_READS: readonly number[] = [
  UnitKind.goroutine,
  UnitKind.greenlet,
  UnitKind.tokioTask,
  UnitKind.jvmVirtualThread,
  UnitKind.nginxRequest,
  UnitKind.rubyFiber,
  UnitKind.pythonJob,
];

/** Of these, the ones that serve a connection for as long as it lasts, so also what they have read too early. */
const SERVES_CONNECTION: readonly number[] = [
  UnitKind.goroutine,
  UnitKind.greenlet,
  UnitKind.tokioTask,
  UnitKind.nginxRequest,
];

export function servesConnection(kind: number): boolean {
  return SERVES_CONNECTION.includes(kind);
}

/** HTTP/1.1 (RFC 9112, 9.3.2), whose servers handle what was pipelined one by one. */
export const ANSWERED_IN_ORDER = "http1";

export function isAnsweredInOrder({ protocol }: TraceNode): boolean {
  return protocol === ANSWERED_IN_ORDER;
}

export class Unit {
  /** UnitKind; none: a thread. */
  readonly kind: number;
  /** Unique in its process. */
  readonly key: number;
  /** Requests that it has read and that are not answered. */
  readonly open: TraceNode[] = [];
  /** Requests that it has read and that are not answered, doubtful ones and those that were read too early among them. */
  unanswered = 0;
  /** Calls that it made and whose parent is not decided, oldest first. */
  readonly calls: TraceNode[] = [];
  /** Of a thread: it was at no request that it has read when it made its last call, and has answered none since. */
  floats = false;
  /** The last call of a thread. */
  lastCall: TraceNode | undefined;
  /** Two requests of different connections were open on it at once: what it does can be for either. */
  isShared = false;
  hasRead = false;
  /** It has called on a connection that it had not made ready itself. */
  callsOnOthers = false;
  /** It has made one ready while nothing was served. */
  preparesUnasked = false;
  /** Answers that it wrote before it ever read a request. */
  answersOfOthers = 0;
  /** Order of the event with which it last ended an answer. */
  lastAnswerOrder = -1;
  /** Order of the first event of the request that it has read last. */
  lastReadOrder = -1;

  /** Of its creation, where the runtime tells it; 0: not seen. */
  #creation = 0;
  /** When it was seen first. */
  #sinceNs = Number.NaN;

  constructor(kind: number, key: number) {
    this.kind = kind;
    this.key = key;
  }

  /**
   * Something was done at `nowNs` by what was created as `creation`. Who was made by another thread than the one that it
   * runs on is seen without its creation at first, or, late, with that of the one before.
   *
   * @returns false: that is another unit at the same address
   */
  isCreatedAs(creation: number, nowNs: number): boolean {
    if (Number.isNaN(this.#sinceNs)) {
      this.#sinceNs = nowNs;
      this.#creation = creation;
    } else if (creation > this.#creation && creation <= this.#sinceNs) this.#creation = creation;
    return creation <= this.#creation;
  }

  get isThread(): boolean {
    return this.kind === UnitKind.none;
  }

  get servesConnection(): boolean {
    return servesConnection(this.kind);
  }

  get servesWhatItReads(): boolean {
    return SERVES_WHAT_IT_READS.includes(this.kind) && !this.isShared;
  }

  /**
   * What it is at: the one request that it has read and not answered. undefined: nobody knows, also of several that came
   * together, the first of which may be done, and its answer kept back.
   */
  get serving(): TraceNode | undefined {
    return this.servesWhatItReads && this.open.length === 1 ? oldestInOrder(this.open) : undefined;
  }

  read(node: TraceNode): void {
    this.hasRead = true;
    // nginx's unit is the connection itself, whose place another one takes when it is over (ngx_free_connection): the end of
    // a request that its client gave up may be told later than the next one begins.
    if (this.kind === UnitKind.nginxRequest) this.#keepOnly(node.connection);
    for (const other of this.open) if (other.connection !== node.connection) this.isShared = true;
    this.open.push(node);
    this.lastReadOrder = node.start.order;
  }

  #keepOnly(connection: NodeConnection): void {
    if (this.open.every((other) => other.connection === connection)) return;
    const kept = this.open.filter((other) => other.connection === connection);
    this.open.splice(0, this.open.length, ...kept);
  }

  /**
   * It reads another request of a connection whose earlier one seems to be open. Who serves what it reads does so when it has
   * answered that: the answer got lost, or it reads ahead, and what it is at nobody knows.
   */
  readOn({ connection, start }: TraceNode): void {
    if (!this.servesWhatItReads) return;
    const kept = this.open.filter((other) => other.connection !== connection || other.start.order === start.order);
    if (kept.length < this.open.length) this.open.splice(0, this.open.length, ...kept);
  }

  answered(node: TraceNode): void {
    // Mostly the oldest, of which a loop may have thousands.
    if (this.open.at(-1) === node) this.open.pop();
    else if (this.open[0] === node) this.open.shift();
    else {
      const index = this.open.indexOf(node);
      if (index >= 0) this.open.splice(index, 1);
    }
  }

  dropDecided(): void {
    let kept = 0;
    for (const call of this.calls) if (!call.isDecided) this.calls[kept++] = call;
    this.calls.length = kept;
  }

  /** It can be forgotten: a pointer that comes back names another unit. */
  get isIdle(): boolean {
    return this.open.length === 0 && this.calls.length === 0;
  }
}

/**
 * Of requests on one connection: who serves one after the other is at the first that is not answered. Only if one read brought
 * them all: else the answer to the first may be what got lost.
 */
export function oldestInOrder(open: readonly TraceNode[]): TraceNode | undefined {
  const oldest = open[0];
  if (oldest === undefined || !hasTurn(oldest)) return undefined;
  if (open.length === 1) return oldest;
  const areRight = open.every((node) => isAnsweredInOrder(node) && node.start.order === oldest.start.order);
  return areRight ? oldest : undefined;
}

/** It is not decided, and was made on this unit from `since` until `until`. */
export function isCallOf(unit: Unit, call: TraceNode, since: number, until: number): boolean {
  if (call.isDecided || call.start.order > until) return false;
  const order = call.opened?.unit === unit ? call.opened.order : call.start.order;
  return order >= since;
}

/** false: what came before it on its connection is not answered, although nobody may know for whom its unit works. */
export function hasTurn(node: TraceNode): boolean {
  return !node.isPipelined || node.turnOrder >= 0 || !isAnsweredInOrder(node);
}

/** What a read tells the programs of other processors is there so soon, behind its time. */
const NOTED_WITHIN_NS = 5000;

/**
 * The request was read only just before: what the kernel's programs asked about its reader, on another processor, may be of before
 * that, although they tell it behind it.
 */
export function isJustRead({ start }: TraceNode, nowNs: number): boolean {
  return nowNs - start.timestampNs < NOTED_WITHIN_NS;
}

/** What an event, or a sample, says of the unit that it came from. */
type UnitFacts = Pick<EventMeta, "pid" | "unitKind" | "unitId" | "coroutineId">;

/** A key for a unit, unique in its process: ids below 2^48, 16 kinds. */
export function unitKey(kind: number, id: number): number {
  return (id % 0x1000000000000) * 16 + kind;
}

export function idOfKey(key: number): number {
  return Math.floor(key / 16);
}

export function kindOfKey(key: number): number {
  return key % 16;
}

/** Of the unit that made an event. */
export function unitKeyOf(meta: UnitFacts): number {
  if (meta.unitKind !== UnitKind.none && meta.unitKind !== UnitKind.nodeAsync && meta.unitId !== 0) {
    return unitKey(meta.unitKind, meta.unitId);
  }
  return meta.coroutineId !== 0 ? unitKey(UnitKind.goroutine, meta.coroutineId) : meta.pid * 16;
}

export function unitKindOf(meta: UnitFacts): number {
  if (meta.unitKind !== UnitKind.none && meta.unitKind !== UnitKind.nodeAsync && meta.unitId !== 0)
    return meta.unitKind;
  return meta.coroutineId !== 0 ? UnitKind.goroutine : UnitKind.none;
}
