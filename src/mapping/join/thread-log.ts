/** The last message that a thread read: what happens until it reads the next is likely caused by it. */
import type { EventMeta } from "../event-meta.ts";
import type { TraceNode } from "./trace-node.ts";

/** From one read to the next on a thread: all calls in it share their cause, if the thread is a loop of callbacks. */
export class Stretch {
  /** The request that was read, or the call whose answer was. */
  readonly cause: TraceNode;
  readonly turnId: number;
  /** Of the read, in the order of all events. */
  readonly order: number;
  readonly calls: TraceNode[] = [];
  /** A call or an answer went out in it. */
  hasSent = false;

  constructor(cause: TraceNode, meta: EventMeta) {
    this.cause = cause;
    this.turnId = meta.turnId;
    this.order = meta.order;
  }
}

export class ThreadLog {
  #stretch: Stretch | undefined;

  /** @returns the stretch that this read ends */
  read(node: TraceNode, meta: EventMeta): Stretch | undefined {
    const previous = this.#stretch;
    // Where bytes were waited for, a message is known after later ones of other connections.
    if (previous !== undefined && previous.order >= meta.order) return undefined;
    this.#stretch = new Stretch(node, meta);
    return previous;
  }

  /** The stretch that an event of this thread falls in; undefined where a turn has ended in between. */
  stretchAt(meta: EventMeta): Stretch | undefined {
    const stretch = this.#stretch;
    if (stretch === undefined || stretch.turnId !== meta.turnId || stretch.order > meta.order) return undefined;
    return stretch;
  }
}
