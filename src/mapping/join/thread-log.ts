/** The last message that a thread read: what happens until it reads the next is likely caused by it. */
import { type EventMeta, isInPollCallback } from "../event-meta.ts";
import type { TraceNode } from "./trace-node.ts";
import { ANSWERED_IN_ORDER } from "./unit.ts";

/** More of them in one stretch say nothing. */
const MAX_NOTED = 1024;

/** An async function goes on. */
export interface Resumption {
  /** The callback in which it was started, itself or by others; 0: not known. */
  readonly owner: number;
  /** It was started by another one, of that owner, which does not await it itself. */
  readonly isDetached: boolean;
  /** Microtasks that were over by then. */
  readonly microtasks: number;
  /** That waited then. */
  readonly waiting: number;
  /** Equal for all that runs until no microtask is left. */
  readonly drain: number;
  /** The number of the wait that is over, from 0 on again when it would have more than 20 bits. */
  readonly wait: number;
  /** That began in the callback of its owner. */
  readonly isAtOnce: boolean;
}

/** From one read to the next on a thread: all calls in it share their cause, if the thread is a loop of callbacks. */
export class Stretch {
  /** The request that was read, or the call whose answer was. */
  readonly cause: TraceNode;
  /** Of the read; of the first send, where the stretch begins with one. */
  readonly start: EventMeta;
  /** The runtime shows that it is one callback: nothing else lies in it. */
  readonly isExact: boolean;
  readonly calls: TraceNode[] = [];
  /** Connections that were opened in it, for calls that go out later. */
  connects = 0;
  /** A call or an answer went out in it. */
  hasSent = false;
  /** The same read brought another request too: whose the calls are nobody knows. */
  isShared = false;
  /** The first request that was answered in it. */
  answered: TraceNode | undefined;
  /** Both witnesses of the turn rule have agreed on it: the beginning of an answer and its end are one agreement. */
  hasAgreed = false;
  /** A request was answered in it that the other witness of the turn rule does not name. */
  isDisputed = false;
  /** Two were, and neither had to wait for the other. */
  answersSeveral = false;
  /** All that were, up to a bound. */
  readonly answers: TraceNode[] = [];
  /** The messages that were read at its beginning, in their order, and those of them that ended then. */
  readonly read: TraceNode[] = [];
  readonly ended: TraceNode[] = [];
  /** Of the calls whose answers were read: how many began then. */
  begun = 0;
  /** Node: the async functions that went on in it. */
  readonly resumed: Resumption[] = [];

  constructor(cause: TraceNode, start: EventMeta, isExact: boolean) {
    this.cause = cause;
    this.start = start;
    this.isExact = isExact;
    this.read.push(cause);
  }

  answer(served: TraceNode): void {
    this.hasSent = true;
    if (this.answers.length < MAX_NOTED && this.answers.at(-1) !== served) this.answers.push(served);
    if (this.answered !== undefined && this.answered !== served && !isBehind(served, this.answered)) {
      this.answersSeveral = true;
    }
    this.answered ??= served;
  }

  goesOn(resumption: Resumption): void {
    if (this.resumed.length < MAX_NOTED) this.resumed.push(resumption);
  }
}

export class ThreadLog {
  #stretch: Stretch | undefined;
  /** Of the last event with which the thread read anything from a socket, be it part of a message or of none. */
  #lastReadOrder = -1;

  get lastReadOrder(): number {
    return this.#lastReadOrder;
  }

  /**
   * The thread has read bytes.
   *
   * @returns the stretch that this ends
   */
  touched(meta: EventMeta): Stretch | undefined {
    this.#lastReadOrder = meta.order;
    const previous = this.#stretch;
    this.#stretch = undefined;
    return previous;
  }

  /** A message came with it: a request, or the answer of a call. @param isEnd it is over with that */
  read(node: TraceNode, meta: EventMeta, isEnd = false): void {
    // Where bytes were waited for, a message is known after later ones of other connections.
    if (meta.order !== this.#lastReadOrder) return;
    const stretch = this.#stretch;
    if (stretch === undefined) this.#stretch = new Stretch(node, meta, isInPollCallback(meta));
    else if (stretch.cause !== node) {
      stretch.isShared = true;
      if (stretch.read.at(-1) !== node && stretch.read.length < MAX_NOTED) stretch.read.push(node);
    }
    if (!isEnd && !node.isServer) this.#stretch!.begun++;
    if (isEnd && this.#stretch!.ended.length < MAX_NOTED) this.#stretch!.ended.push(node);
  }

  /** What goes out from now on has another cause than what was read last; undefined: nobody knows which. */
  goOn(cause: TraceNode | undefined, meta: EventMeta): void {
    this.#stretch = cause === undefined ? undefined : new Stretch(cause, meta, false);
    if (this.#stretch !== undefined) this.#stretch.hasSent = true;
  }

  /** The stretch that is going on, if it is of this turn. */
  stretchOf(turnId: number): Stretch | undefined {
    return this.#stretch?.start.turnId === turnId ? this.#stretch : undefined;
  }

  /** The stretch that an event of this thread falls in; undefined where a turn has ended in between. */
  stretchAt(meta: EventMeta): Stretch | undefined {
    const stretch = this.#stretch;
    if (stretch === undefined || stretch.start.turnId !== meta.turnId || stretch.start.order > meta.order) {
      return undefined;
    }
    return stretch;
  }
}

/** Both came on one connection, whose answers go out in order: this one was ready, and waited for that one. */
function isBehind(served: TraceNode, first: TraceNode): boolean {
  return served.isPipelined && served.connection === first.connection && served.protocol === ANSWERED_IN_ORDER;
}
