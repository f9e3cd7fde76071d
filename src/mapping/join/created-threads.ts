/**
 * Evidence: a thread was created by the unit that served a request, or had just answered it, and has ended soon.
 *
 * Proves: what the thread has called, it has called for that request, since it has lived for nothing else. Who takes which job
 * of a pool's does not matter where the pool was made for the request. Lies where a pool for all shrinks as fast as it
 * grows. A thread that lives on says nothing; where one that was created before the answer called after it, it was done with
 * the request and served others, so for a while only a thread's one call is believed, for which it was made.
 */
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";

const EVIDENCE = "creator";
const MAX_THREADS = 4096;
/** After the answer: a thread that was waited for is not gone yet, and needs the processor to go. */
const END_WAIT_NS = 2_000_000_000;
const DOUBT_NS = 60_000_000_000;

interface CreatedThread {
  readonly served: TraceNode;
  /** When the request was answered already. */
  readonly isLate: boolean;
  readonly calls: TraceNode[];
}

interface Ending {
  readonly pid: number;
  readonly thread: CreatedThread;
  readonly deadlineNs: number;
}

export class CreatedThreads {
  /** By pid; the oldest is forgotten first. */
  readonly #threads = new Map<number, CreatedThread>();
  /** Threads that were created for each open request. */
  readonly #byServed = new Map<TraceNode, number[]>();
  /** Their requests are answered. */
  #endings: Ending[] = [];
  #doubtUntilNs = 0;

  get isHolding(): boolean {
    return this.#endings.length > 0;
  }

  /**
   * @param by the thread that has created it, and when
   * @param served what that one serves, or has just answered, if it is one request
   */
  created(
    pid: number,
    by: { readonly pid: number; readonly timestampNs: number },
    served: TraceNode | undefined,
  ): void {
    this.forget(pid);
    const cause = served ?? this.#threads.get(by.pid)?.served;
    if (cause === undefined) return;
    if (this.#threads.size >= MAX_THREADS) this.forget(this.#threads.keys().next().value!);
    const thread: CreatedThread = { served: cause, isLate: cause.isFinished, calls: [] };
    this.#threads.set(pid, thread);
    if (thread.isLate) this.#endings.push({ pid, thread, deadlineNs: by.timestampNs + END_WAIT_NS });
    else {
      const siblings = this.#byServed.get(cause);
      if (siblings !== undefined) siblings.push(pid);
      else this.#byServed.set(cause, [pid]);
    }
  }

  /** Calls of threads that were created behind the answer wait for their end. */
  called(call: TraceNode): void {
    const { pid, timestampNs } = call.start;
    const thread = this.#threads.get(pid);
    if (thread === undefined || call.isDecided) return;
    if (thread.served.isFinished && !thread.isLate) {
      this.#doubtUntilNs = timestampNs + DOUBT_NS;
      this.forget(pid);
      return;
    }
    if (thread.isLate) call.isHeld = true;
    thread.calls.push(call);
  }

  ended(pid: number, nowNs: number): void {
    const thread = this.#threads.get(pid);
    if (thread === undefined) return;
    const { served, calls } = thread;
    if (!served.isDoubtful && (calls.length === 1 || nowNs >= this.#doubtUntilNs))
      for (const call of calls) decide(call, served, EVIDENCE);
    this.forget(pid);
  }

  /** The request is answered, or never will be. */
  requestEnded(served: TraceNode): void {
    const pids = this.#byServed.get(served);
    if (pids === undefined) return;
    this.#byServed.delete(served);
    for (const pid of pids) {
      const thread = this.#threads.get(pid);
      if (thread?.served !== served) continue;
      for (const call of thread.calls) call.isHeld = true;
      this.#endings.push({ pid, thread, deadlineNs: served.endNs + END_WAIT_NS });
    }
  }

  advance(nowNs: number): void {
    while (this.#endings.length > 0 && this.#endings[0]!.deadlineNs <= nowNs) {
      const { pid, thread } = this.#endings.shift()!;
      if (this.#threads.get(pid) === thread) this.forget(pid);
    }
  }

  /** It serves requests itself, lives on, or is another one's: what it has called is not told by this. */
  forget(pid: number): void {
    const thread = this.#threads.get(pid);
    if (thread === undefined) return;
    this.#threads.delete(pid);
    for (const call of thread.calls) {
      call.isHeld = false;
      if (thread.isLate) decide(call, undefined, undefined);
    }
  }
}
