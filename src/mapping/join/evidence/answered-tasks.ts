/**
 * Evidence: the task of a client connection has read a call's answer, and the first task that it wakes is the one that
 * waits for it (tokio).
 *
 * Proves: that one has made the call. Where a connection carries several calls at a time its task wakes others too (for
 * more of another answer, or because its queue has room), so there the one that it wakes must be the one that had woken it.
 *
 * Whoever hands a request over does that first and wakes then, so a wake may come when its request was sent long ago, and
 * is no waker of what is sent next. Who had woken the connection's task is therefore believed only where the answer never
 * comes.
 */

import { UnitKind } from "../../../bpf/layout.gen.ts";
import { makeRoom } from "../../../make-room.ts";
import type { EventMeta } from "../../event-meta.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";

const EVIDENCE = "waker";
const MAX_READERS = 4096;
const MAX_REQUESTS = 8192;

interface Reading {
  /** undefined: the same read brought the answers of several. */
  readonly call: TraceNode | undefined;
  readonly order: number;
}

export class AnsweredTasks {
  /** By the task that has read the beginning of an answer. */
  readonly #readings = new Map<number, Reading>();
  /** Calls by the request whose task had woken the connection's. */
  readonly #expected = new Map<TraceNode, TraceNode[]>();
  readonly #requestOf = new WeakMap<TraceNode, TraceNode>();
  /** Connections that have carried several calls at a time. */
  readonly #shared = new WeakSet<object>();

  called(call: TraceNode): void {
    if (!call.hasConnection) this.#shared.add(call.connection);
  }

  answerRead(call: TraceNode, meta: EventMeta): void {
    if (meta.unitKind !== UnitKind.tokioTask || meta.unitId === 0) return;
    const isSame = this.#readings.get(meta.unitId)?.order === meta.order;
    if (this.#readings.size >= MAX_READERS) this.#readings.clear();
    this.#readings.set(meta.unitId, { call: isSame ? undefined : call, order: meta.order });
  }

  /** `reader` wakes `woken`. @returns the call that it has made, where it is not known yet who did */
  answered(reader: number, woken: number): TraceNode | undefined {
    const call = this.#readings.get(reader)?.call;
    this.#readings.delete(reader);
    if (call === undefined || call.isDecided) return undefined;
    return !this.#shared.has(call.connection) || call.start.causeId === woken ? call : undefined;
  }

  /** The task that serves the request had woken the one that makes the call. */
  expect(call: TraceNode, served: TraceNode): void {
    const calls = this.#expected.get(served);
    if (calls !== undefined) calls.push(call);
    else {
      makeRoom(this.#expected, MAX_REQUESTS);
      this.#expected.set(served, [call]);
    }
    this.#requestOf.set(call, served);
  }

  /** The request is answered, or never will be: its calls may go on. */
  requestEnded(served: TraceNode): void {
    for (const call of this.#expected.get(served) ?? []) if (!call.isFinished) call.isHeld = !served.isDoubtful;
    this.#expected.delete(served);
  }

  callEnded(call: TraceNode, hasAnswer: boolean): void {
    const served = this.#requestOf.get(call);
    if (served === undefined || call.isDecided) return;
    call.isHeld = false;
    if (!hasAnswer && !served.isDoubtful) decide(call, served, EVIDENCE);
  }
}
