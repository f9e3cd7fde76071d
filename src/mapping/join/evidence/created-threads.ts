/**
 * Evidence: a thread was created by the unit that served a request, or had just answered it, and has ended soon.
 *
 * Proves: what the thread has called, it has called for that request, since it has lived for nothing else. Who takes which job
 * of a pool's does not matter where the pool was made for the request. Lies where a pool for all shrinks as fast as it
 * grows. A thread that lives on says nothing, and with it those that it has made; where one that was created before the
 * answer called after it, it was done with the request and served others, so for a while only a thread's one call is believed,
 * for which it was made.
 */
import { decide } from "../trace-graph.ts";
import type { TraceNode } from "../trace-node.ts";

const EVIDENCE = "creator";
const MAX_THREADS = 4096;
const MAX_WAITING = 256;
/** After the answer: a thread that was waited for is not gone yet, and needs the processor to go. */
const END_WAIT_NS = 2_000_000_000;
const DOUBT_NS = 60_000_000_000;

/** alive; ended, but who has made it lives, or its request is not answered for long enough; believed; or nothing is concluded from it. */
const ThreadState = { alive: 0, waits: 1, believed: 2, forgotten: 3 } as const;
type ThreadState = (typeof ThreadState)[keyof typeof ThreadState];

interface CreatedThread {
  readonly pid: number;
  readonly served: TraceNode;
  /** When the request was answered already. */
  readonly isLate: boolean;
  /** The thread that has made it, where that was made for the request: it may be a pool's, whose jobs are others'. */
  readonly maker: CreatedThread | undefined;
  readonly calls: TraceNode[];
  /** Those that it has made and that have ended before it. */
  readonly waiting: CreatedThread[];
  /** Asked a moment after the answer; undefined: it is sure for which request the thread was created. */
  readonly isShown: IsShown | undefined;
  state: ThreadState;
}

type IsShown = () => boolean;

interface Ending {
  readonly thread: CreatedThread;
  readonly deadlineNs: number;
}

export class CreatedThreads {
  /** Those that are alive by pid; the oldest is forgotten first. */
  readonly #threads = new Map<number, CreatedThread>();
  /** Threads that were created for each open request. */
  readonly #byServed = new Map<TraceNode, CreatedThread[]>();
  /** Their requests are answered. */
  #endings: Ending[] = [];
  #doubtUntilNs = 0;

  get isHolding(): boolean {
    return this.#endings.length > 0;
  }

  /**
   * @param by the thread that has created it, and when
   * @param served what that one serves, or has just answered, if it is one request
   * @param isShown where that is not sure yet: asked when it is answered for a moment, of threads that have ended by then
   */
  created(
    pid: number,
    by: { readonly pid: number; readonly timestampNs: number },
    served: TraceNode | undefined,
    isShown?: IsShown,
  ): void {
    this.forget(pid);
    const maker = served === undefined ? this.#threads.get(by.pid) : undefined;
    const cause = served ?? maker?.served;
    if (cause === undefined) return;
    if (maker !== undefined && isOutlived(maker)) {
      this.#livesOn(maker, by.timestampNs);
      return;
    }
    if (this.#threads.size >= MAX_THREADS) this.forget(this.#threads.keys().next().value!);
    const isLate = cause.isFinished;
    const state = ThreadState.alive;
    const thread = { pid, served: cause, isLate, maker, calls: [], waiting: [], isShown, state };
    this.#threads.set(pid, thread);
    if (thread.isLate) this.#endings.push({ thread, deadlineNs: by.timestampNs + END_WAIT_NS });
    else {
      const siblings = this.#byServed.get(cause);
      if (siblings !== undefined) siblings.push(thread);
      else this.#byServed.set(cause, [thread]);
    }
  }

  /** Calls of threads that were created behind the answer wait for their end. */
  called(call: TraceNode): void {
    const { pid, timestampNs } = call.start;
    const thread = this.#threads.get(pid);
    if (thread === undefined || call.isDecided) return;
    if (isOutlived(thread)) {
      this.#livesOn(thread, timestampNs);
      return;
    }
    if (thread.isLate) call.isHeld = true;
    thread.calls.push(call);
  }

  ended(pid: number, nowNs: number): void {
    const thread = this.#threads.get(pid);
    if (thread === undefined) return;
    this.#threads.delete(pid);
    const { maker } = thread;
    if (maker?.state === ThreadState.alive || maker?.state === ThreadState.waits) {
      thread.state = ThreadState.waits;
      maker.waiting.push(thread);
      if (maker.waiting.length > MAX_WAITING) this.#release(maker.waiting.shift()!);
    } else if (maker?.state === ThreadState.forgotten) this.#release(thread);
    else if (thread.isShown !== undefined) thread.state = ThreadState.waits;
    else this.#believe(thread, nowNs);
  }

  /** The request is answered, or never will be. */
  requestEnded(served: TraceNode): void {
    const threads = this.#byServed.get(served);
    if (threads === undefined) return;
    this.#byServed.delete(served);
    for (const thread of threads) {
      if (!isOpen(thread)) continue;
      for (const call of thread.calls) call.isHeld = true;
      this.#endings.push({ thread, deadlineNs: served.endNs + END_WAIT_NS });
    }
  }

  advance(nowNs: number): void {
    while (this.#endings.length > 0 && this.#endings[0]!.deadlineNs <= nowNs) {
      const { thread } = this.#endings.shift()!;
      if (!isOpen(thread)) continue;
      if (this.#threads.get(thread.pid) === thread) this.#threads.delete(thread.pid);
      if (thread.state === ThreadState.waits && thread.isShown?.()) this.#believe(thread, nowNs);
      else this.#release(thread);
    }
  }

  /** It serves requests itself, lives on, or is another one's: what it has called is not told by this. */
  forget(pid: number): void {
    const thread = this.#threads.get(pid);
    if (thread === undefined) return;
    this.#threads.delete(pid);
    this.#release(thread);
  }

  /** It calls, or makes others, when its request is answered. */
  #livesOn({ pid }: CreatedThread, nowNs: number): void {
    this.#doubtUntilNs = nowNs + DOUBT_NS;
    this.forget(pid);
  }

  /** It has ended, and so has who has made it. */
  #believe(thread: CreatedThread, nowNs: number): void {
    const { served, calls, waiting } = thread;
    if (served.isDoubtful || (calls.length > 1 && nowNs < this.#doubtUntilNs)) {
      this.#release(thread);
      return;
    }
    thread.state = ThreadState.believed;
    for (const call of calls) decide(call, served, EVIDENCE);
    const areSure = nowNs >= this.#doubtUntilNs;
    for (const each of waiting)
      if (areSure) this.#believe(each, nowNs);
      else this.#release(each);
    this.#free(thread);
  }

  #release(thread: CreatedThread): void {
    thread.state = ThreadState.forgotten;
    for (const each of thread.waiting) this.#release(each);
    this.#free(thread);
  }

  #free({ calls, waiting, isLate }: CreatedThread): void {
    waiting.length = 0;
    for (const call of calls) {
      call.isHeld = false;
      if (isLate) decide(call, undefined, undefined);
    }
  }
}

function isOutlived({ served, isLate }: CreatedThread): boolean {
  return served.isFinished && !isLate;
}

function isOpen({ state }: CreatedThread): boolean {
  return state === ThreadState.alive || state === ThreadState.waits;
}
