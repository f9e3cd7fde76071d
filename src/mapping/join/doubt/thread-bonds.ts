/**
 * How the threads of a process are bound to their connections, as far as it has shown: who reads requests on which.
 *
 * One after the other (workers that are processes: PHP-FPM, gunicorn's sync, unicorn): a single thread reads, by reads that
 * would sleep, and has closed a connection before it reads the next. A thread for each connection: each thread reads on one,
 * and nobody else does. Both are credits that grow, and one difference costs many.
 */
import { makeRoom } from "../../../make-room.ts";
import type { NodeConnection, TraceNode } from "../trace-node.ts";

const MAX_THREADS = 8192;
const PROVEN_SEQUENTIAL = 3;
/** Threads of a small pool may meet their last connection again a few times in a row. */
const PROVEN_BOUND = 16;
const MAX_CREDIT = 64;
const COST_OF_DIFFERENCE = 64;

/** A connection as its first reader has it. */
interface Bond {
  readonly pid: number;
}

export class ThreadBonds {
  readonly #bonds = new WeakMap<NodeConnection, Bond>();
  /** By thread: the connection on which it has read last. Who has not read for the longest time is forgotten first. */
  readonly #threads = new Map<number, Bond>();
  /** On which a request was read last. */
  #last: NodeConnection | undefined;
  #sequential = 0;
  #bound = 0;

  /** One thread serves one connection after the other: until it reads, it is at the request that it has read last. */
  get isSequential(): boolean {
    return this.#threads.size === 1 && this.#sequential >= PROVEN_SEQUENTIAL;
  }

  /** Each connection has a thread of its own. */
  get isBound(): boolean {
    return this.#threads.size > 1 && this.#bound >= PROVEN_BOUND;
  }

  /** @param isAlone no other request is open in the process, but for earlier ones of its connection */
  requestRead({ connection, start }: TraceNode, isAlone: boolean): void {
    const { pid, isBlocking } = start;
    const known = this.#bonds.get(connection);
    const bond = known ?? { pid };
    if (known === undefined) this.#bonds.set(connection, bond);
    const previous = this.#threads.get(pid);
    if (previous !== bond) this.#readsOn(pid, bond);
    const isNext = this.#last !== undefined && this.#last !== connection;
    if (!isBlocking || !isAlone || (isNext && this.#last?.isClosing !== true)) {
      this.#sequential = lowered(this.#sequential);
    } else if (isNext) this.#sequential = raised(this.#sequential);
    this.#last = connection;
    if (!isBlocking || bond.pid !== pid || (previous !== undefined && previous !== bond)) {
      this.#bound = lowered(this.#bound);
    } else if (known !== undefined) this.#bound = raised(this.#bound);
  }

  #readsOn(pid: number, bond: Bond): void {
    // Of one thread there is no order.
    if (this.#threads.size > 1) this.#threads.delete(pid);
    makeRoom(this.#threads, MAX_THREADS);
    this.#threads.set(pid, bond);
  }
}

function raised(credit: number): number {
  return Math.min(MAX_CREDIT, credit + 1);
}

function lowered(credit: number): number {
  return Math.max(-COST_OF_DIFFERENCE, credit - COST_OF_DIFFERENCE);
}
