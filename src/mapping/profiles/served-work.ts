/**
 * What each unit of work was doing when: where it read a request or an answer, and what it sent. Kept for a few seconds,
 * so that a sample that comes later finds the request that it was taken for.
 */
import { UnitKind } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import type { TraceNode } from "../join/trace-node.ts";
import { unitKeyOf } from "../join/unit.ts";

/** A message of a unit. Input begins work, output comes of it. */
export interface Mark {
  readonly timestampNs: number;
  readonly isInput: boolean;
  /** The request read or answered, or the call sent or answered. */
  readonly node: TraceNode;
  readonly turnId: number;
  readonly unitId: number;
}

/** From the reading of a request to the end of its answer. */
interface Served {
  readonly node: TraceNode;
  readonly startNs: number;
  endNs: number;
}

/** Samples ask within two seconds. Where there is too much to keep, what is older than two goes. */
const KEPT_NS = 6e9;
const KEPT_CROWDED_NS = 2e9;
/** A message that waits for a missing part of its stream is told so much after later ones. */
const DISORDER_NS = 100e6;
const SWEEP_NS = 1e9;
const MAX_MARKS = 200_000;

/** Runtimes that run a unit on any of several threads. */
const MOVING: readonly number[] = [UnitKind.goroutine, UnitKind.tokioTask, UnitKind.jvmVirtualThread];

class ProcessLog {
  readonly marks = new Map<number, Mark[]>();
  readonly served = new Map<number, Served[]>();
  openCount = 0;
}

export class ServedWork {
  readonly #processes = new Map<number, ProcessLog>();
  readonly #servesByThread: (tgid: number) => boolean;
  #marks = 0;
  #sweptNs = 0;
  #toldUntilNs = 0;

  /** @param servesByThread what joining has learned of the process */
  constructor(servesByThread: (tgid: number) => boolean) {
    this.#servesByThread = servesByThread;
  }

  /** A request has been read. */
  requestRead(node: TraceNode): void {
    const log = this.#logOf(node.start.tgid);
    this.#mark(log, node.start, node, true);
    log.openCount++;
    const key = unitKeyOf(node.start);
    const served = log.served.get(key);
    const entry = { node, startNs: node.start.timestampNs, endNs: Number.POSITIVE_INFINITY };
    if (served === undefined) log.served.set(key, [entry]);
    else served.push(entry);
  }

  /** Bytes of its answer are written. */
  answered(node: TraceNode, meta: EventMeta): void {
    if (meta.tgid === node.start.tgid) this.#mark(this.#logOf(meta.tgid), meta, node, false);
  }

  /** Its answer is over, or will never come. */
  finished(node: TraceNode, timestampNs: number): void {
    const log = this.#processes.get(node.start.tgid);
    const entry = log?.served.get(unitKeyOf(node.start))?.findLast((each) => each.node === node);
    if (log === undefined || entry === undefined || entry.endNs !== Number.POSITIVE_INFINITY) return;
    entry.endNs = timestampNs;
    log.openCount--;
  }

  called(node: TraceNode): void {
    this.#mark(this.#logOf(node.start.tgid), node.start, node, false);
  }

  /** The answer of a call is read. */
  replied(node: TraceNode, meta: EventMeta): void {
    this.#mark(this.#logOf(meta.tgid), meta, node, true);
  }

  /** Its last samples come a moment later. */
  exited(tgid: number): void {
    const log = this.#processes.get(tgid);
    if (log === undefined) return;
    for (const entries of log.served.values()) {
      for (const entry of entries) entry.endNs = Math.min(entry.endNs, this.#sweptNs + KEPT_NS);
    }
    log.openCount = 0;
  }

  /** The last message of a unit at or before a moment, and the first after it. */
  around(
    tgid: number,
    key: number,
    timestampNs: number,
  ): { readonly before: Mark | undefined; readonly after: Mark | undefined } {
    const marks = this.#processes.get(tgid)?.marks.get(key) ?? [];
    let [low, high] = [0, marks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (marks[middle]!.timestampNs <= timestampNs) low = middle + 1;
      else high = middle;
    }
    return { before: marks[low - 1], after: marks[low] };
  }

  /** What the unit had read and not answered at a moment. */
  servedAt(tgid: number, key: number, timestampNs: number): readonly Served[] {
    const served = this.#processes.get(tgid)?.served.get(key) ?? [];
    return served.filter(({ startNs, endNs }) => startNs <= timestampNs && timestampNs < endNs);
  }

  /** Everything that happened before has been told: the ring buffer was empty then. */
  drained(timestampNs: number): void {
    this.#toldUntilNs = Math.max(this.#toldUntilNs, timestampNs);
  }

  /** What happened at that moment has been told: events come nearly in order, however late. */
  isTold(timestampNs: number): boolean {
    return timestampNs + DISORDER_NS < this.#toldUntilNs;
  }

  /** Something of this process was seen. */
  knows(tgid: number): boolean {
    return this.#processes.has(tgid);
  }

  /** A request is being served, by whatever unit. */
  hasOpen(tgid: number): boolean {
    return (this.#processes.get(tgid)?.openCount ?? 0) > 0;
  }

  /** Threads of this process answer what they have read themselves. */
  servesByThread(tgid: number): boolean {
    return this.#servesByThread(tgid);
  }

  /** @param nowNs monotonic, of the events */
  advance(nowNs: number): void {
    if (nowNs - this.#sweptNs < SWEEP_NS) return;
    this.#sweptNs = nowNs;
    // The engine may be behind the clock: what it has not been told yet will be asked for later.
    const beforeNs = this.#toldUntilNs - (this.#marks > MAX_MARKS ? KEPT_CROWDED_NS : KEPT_NS);
    this.#marks = 0;
    for (const [tgid, log] of this.#processes) {
      this.#sweep(log, beforeNs);
      if (log.marks.size === 0 && log.served.size === 0) this.#processes.delete(tgid);
    }
  }

  #sweep(log: ProcessLog, beforeNs: number): void {
    for (const [key, marks] of log.marks) {
      // The last one before that moment still says what came of it.
      const old = marks.findIndex(({ timestampNs }) => timestampNs >= beforeNs);
      if (old < 0 && marks.at(-1)!.node.isFinished) log.marks.delete(key);
      else marks.splice(0, Math.max(0, (old < 0 ? marks.length : old) - 1));
      this.#marks += marks.length;
    }
    for (const [key, served] of log.served) {
      const kept = served.filter(({ endNs }) => endNs >= beforeNs);
      if (kept.length === 0) log.served.delete(key);
      else if (kept.length < served.length) log.served.set(key, kept);
    }
  }

  #mark(log: ProcessLog, meta: EventMeta, node: TraceNode, isInput: boolean): void {
    const { timestampNs, turnId, unitId } = meta;
    if (timestampNs > this.#toldUntilNs) this.#toldUntilNs = timestampNs;
    const mark = { timestampNs, isInput, node, turnId, unitId };
    const key = unitKeyOf(meta);
    push(log.marks, key, mark);
    const threadKey = meta.pid * 16;
    if (key !== threadKey && !MOVING.includes(meta.unitKind)) push(log.marks, threadKey, mark);
    this.#marks++;
  }

  #logOf(tgid: number): ProcessLog {
    let log = this.#processes.get(tgid);
    if (log === undefined) {
      log = new ProcessLog();
      this.#processes.set(tgid, log);
    }
    return log;
  }
}

/** Events are told nearly in the order of their times. */
function push(all: Map<number, Mark[]>, key: number, mark: Mark): void {
  const marks = all.get(key);
  if (marks === undefined) {
    all.set(key, [mark]);
    return;
  }
  let at = marks.length;
  while (at > 0 && marks[at - 1]!.timestampNs > mark.timestampNs) at--;
  if (at === marks.length) marks.push(mark);
  else marks.splice(at, 0, mark);
}
