/** Connections of a process as a server: what they are called in its memory, and what is open on each. */

import { CauseKind } from "../../bpf/layout.gen.ts";
import { makeRoom } from "../../make-room.ts";
import type { EventMeta } from "../event-meta.ts";
import type { TraceNode } from "./trace-node.ts";
import { isAnsweredInOrder, oldestInOrder } from "./unit.ts";

const MAX_CONNECTIONS = 16_384;
/** Of one connection; those that are open at once, and some behind their answer. */
const MAX_STREAMS = 1024;

export class ServedConnections {
  /** By the address of the connection's context; an address that comes back is a new connection's. */
  readonly #byContext = new Map<number, object>();
  /** The goroutine that serves a connection: another one may read the first byte of its next request. */
  readonly #goroutines = new WeakMap<object, number>();
  readonly #open = new WeakMap<object, TraceNode[]>();
  /** They have brought requests that did not wait for answers. */
  readonly #pipelined = new WeakSet<object>();
  readonly #outOfStep = new WeakSet<object>();
  #lossNs = Number.NEGATIVE_INFINITY;
  /** By the goroutine that has read from it, or for which that was read: never used again. */
  readonly #byGoroutine = new Map<number, object>();
  /** Requests of a connection by their streams, never used again; the oldest is forgotten first. */
  readonly #streams = new WeakMap<object, Map<number, TraceNode>>();
  /** Goroutines serve streams. */
  hasStreams = false;

  /** A request is read on `connection`: the goroutine that it is for, where another reads it; else 0. */
  goroutineOf(meta: EventMeta, connection: object): number {
    const { causeKind, causeId, coroutineId } = meta;
    const reader = causeKind === CauseKind.goReader ? causeId : coroutineId;
    if (reader !== 0) setBounded(this.#byGoroutine, reader, connection);
    if (causeKind !== CauseKind.goConnection) return this.#goroutines.get(connection) ?? 0;
    setBounded(this.#byContext, causeId, connection);
    this.#goroutines.set(connection, coroutineId);
    return coroutineId;
  }

  /** @returns whether another request is open on its connection */
  opened(node: TraceNode): boolean {
    const open = this.#open.get(node.connection);
    if (node.streamId !== 0 && node.start.coroutineId !== 0) this.#addStream(node);
    if (isAnsweredInOrder(node) && this.#isOutOfStep(node, open)) node.isDoubtful = true;
    const last = open?.at(-1);
    if (last !== undefined && last.behindOrder < 0 && isAnsweredInOrder(node)) last.behindOrder = node.start.order;
    if (open === undefined) this.#open.set(node.connection, [node]);
    else open.push(node);
    if (open !== undefined && open.length > 1) this.#pipelined.add(node.connection);
    return open !== undefined && open.length > 1;
  }

  /** Events are missing, as shows now. */
  lost(nowNs: number): void {
    this.#lossNs = Math.max(this.#lossNs, nowNs);
  }

  /** While this one was open. */
  lostWhile({ connection }: TraceNode): void {
    if (this.openOn(connection).length > 1) this.#outOfStep.add(connection);
  }

  /** With an answer more or fewer those that follow are taken for others', where requests do not wait for answers. */
  #isOutOfStep({ connection, start }: TraceNode, open: readonly TraceNode[] | undefined): boolean {
    // What has shown the loss: before it another one may have been read, which is answered first.
    if (this.#pipelined.has(connection) && start.timestampNs <= this.#lossNs) this.#outOfStep.add(connection);
    return this.#outOfStep.has(connection) || open?.some(({ isDoubtful }) => isDoubtful) === true;
  }

  /** @param order of the event that ended it */
  closed(node: TraceNode, order: number): void {
    const open = this.#open.get(node.connection);
    const index = open?.indexOf(node) ?? -1;
    if (index < 0) return;
    open!.splice(index, 1);
    const next = open![0];
    if (index !== 0 || next === undefined || !isAnsweredInOrder(next)) return;
    next.turnOrder = order;
    next.before = node;
    node.before = undefined;
    next.hasSureTurn = node.answerOrder === order && node.answerOrder > node.turnOrder;
  }

  /** Requests that came after this one are open on its connection. */
  hasBehind(node: TraceNode): boolean {
    const last = this.#open.get(node.connection)?.at(-1);
    return last !== undefined && last !== node;
  }

  /** A request is open on the connection. */
  isServing(connection: object): boolean {
    return (this.#open.get(connection)?.length ?? 0) > 0;
  }

  #addStream(node: TraceNode): void {
    this.hasStreams = true;
    let streams = this.#streams.get(node.connection);
    if (streams === undefined) {
      streams = new Map();
      this.#streams.set(node.connection, streams);
    }
    makeRoom(streams, MAX_STREAMS);
    streams.set(node.streamId, node);
  }

  /** The request of this stream on the connection that the goroutine serves. */
  ofStream(goroutine: number, streamId: number): TraceNode | undefined {
    const connection = this.#byGoroutine.get(goroutine);
    return connection && this.#streams.get(connection)?.get(streamId);
  }

  /** The connection of this context. */
  named(context: number): object | undefined {
    return this.#byContext.get(context);
  }

  openOn(connection: object): readonly TraceNode[] {
    return this.#open.get(connection) ?? [];
  }

  /** The request that is handled on the connection of this context. */
  servedIn(context: number): TraceNode | undefined {
    return this.#servedOn(this.named(context));
  }

  /**
   * The request that this goroutine of net/http's server is at, which keeps no answer back: each is flushed before the next
   * request begins (response.finishRequest).
   */
  servedByGoroutine(goroutine: number): TraceNode | undefined {
    const connection = this.#byGoroutine.get(goroutine);
    if (connection === undefined || this.#goroutines.get(connection) !== goroutine) return undefined;
    return this.#servedOn(connection);
  }

  #servedOn(connection: object | undefined): TraceNode | undefined {
    const served = connection && oldestInOrder(this.openOn(connection));
    return served?.isDoubtful ? undefined : served;
  }
}

/** An address or id that comes back is another connection's. */
function setBounded(map: Map<number, object>, key: number, connection: object): void {
  if (map.get(key) === connection) return;
  makeRoom(map, MAX_CONNECTIONS);
  map.set(key, connection);
}
