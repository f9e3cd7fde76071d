/**
 * Which request of net/http's server has which context: each has one of its own, which is named when the request is
 * answered, and by every call that carries it (struct socket_data_event, cause_request).
 *
 * Proves: as long as a call goes on, the context that it carries is at no other request's address. Such a call waits for the
 * answer that names its context, where the connection has brought several requests; or, where the handler has returned
 * already, for half a second, in which the answer comes, and lost events show. Lies where the answer of a request whose
 * context lies where an earlier one of its connection lay is late by more than that: nobody is believed while there is one.
 */
import { CauseKind } from "../../../bpf/layout.gen.ts";
import { makeRoom } from "../../../make-room.ts";
import type { EventMeta } from "../../event-meta.ts";
import type { ProcessWork } from "../process-work.ts";
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";
import { AFTER_ANSWER_NS } from "./last-answers.ts";

const EVIDENCE = "context";
const MAX_CONTEXTS = 16_384;
const MAX_WAITING = 4096;
const MAX_CALLS = 256;

/** Of which cause_request is something else. */
const NAME_NO_CONTEXT: readonly number[] = [
  CauseKind.goCreator,
  CauseKind.goStream,
  CauseKind.goStreamChild,
  CauseKind.javaPlace,
  CauseKind.javaJob,
  CauseKind.javaRequest,
  CauseKind.javaThread,
];

/** The context of a request of net/http's server under which it was sent; 0: none is known. */
export function contextOf({ causeKind, causeRequest }: EventMeta): number {
  return NAME_NO_CONTEXT.includes(causeKind) ? 0 : causeRequest;
}

interface Waiting {
  readonly call: TraceNode;
  found(served: TraceNode): void;
}

export class RequestContexts {
  /** By address, whose request was answered last. */
  readonly #answered = new Map<number, TraceNode>();
  readonly #named = new WeakSet<TraceNode>();
  /** By address: calls that carry the context. */
  readonly #waiting = new Map<number, Waiting[]>();

  /** `served` has this context. */
  named(context: number, served: TraceNode): void {
    if (this.#named.has(served)) return;
    this.#named.add(served);
    this.#answered.delete(context);
    makeRoom(this.#answered, MAX_CONTEXTS);
    this.#answered.set(context, served);
    const waiting = this.#waiting.get(context) ?? [];
    this.#waiting.delete(context);
    // Else the address has come back, when the call was over.
    for (const { call, found } of waiting) if (served.start.order < call.start.order) found(served);
  }

  /** @param found told of the request that has the call's context, when it is answered */
  wait(call: TraceNode, found: (served: TraceNode) => void): void {
    const { causeRequest } = call.start;
    const waiting = this.#waiting.get(causeRequest);
    if (waiting === undefined) {
      makeRoom(this.#waiting, MAX_WAITING);
      this.#waiting.set(causeRequest, [{ call, found }]);
    } else if (waiting.length < MAX_CALLS) waiting.push({ call, found });
  }

  isNamed(served: TraceNode): boolean {
    return this.#named.has(served);
  }

  of(context: number): TraceNode | undefined {
    return this.#answered.get(context);
  }

  /** Events are missing: answers may be among them. */
  forget(): void {
    this.#answered.clear();
    this.#waiting.clear();
  }
}

/** Which of the requests on its connection the call is for shows when that is answered. */
export function awaitAnswer(work: ProcessWork, call: TraceNode): void {
  work.contexts.wait(call, (served) => decide(call, served, EVIDENCE));
}

/** A call carries the context of a request whose handler has returned. */
export function holdBehindHandler(work: ProcessWork, call: TraceNode): void {
  const { causeId, causeRequest, timestampNs, order } = call.start;
  const connection = work.connections.named(causeId);
  if (connection === undefined || work.isInDoubt(call.start)) return;
  let served = work.contexts.of(causeRequest);
  work.contexts.wait(call, (found) => {
    served = found;
  });
  work.late.holdUntil(call, EVIDENCE, timestampNs, () => {
    if (served === undefined || served.isDoubtful || served.connection !== connection) return undefined;
    if (served.isFinished && timestampNs - served.endNs > AFTER_ANSWER_NS) return undefined;
    const mayBeIts = (other: TraceNode) => other.start.order < order && !work.contexts.isNamed(other);
    return work.connections.openOn(connection).some(mayBeIts) ? undefined : served;
  });
}
