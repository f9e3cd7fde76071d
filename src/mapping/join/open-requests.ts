/**
 * Requests that a process has read and not answered to the end, oldest first: a list whose links lie in the nodes. A set
 * replaces its tables as its elements come and go, and a dead table that has grown old keeps the next one alive, with all
 * that was in it, until the whole heap is collected.
 */
import type { TraceNode } from "./trace-node.ts";

export class OpenRequests {
  #oldest: TraceNode | undefined;
  #newest: TraceNode | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get oldest(): TraceNode | undefined {
    return this.#oldest;
  }

  has(node: TraceNode): boolean {
    return node.openIn === this;
  }

  add(node: TraceNode): void {
    if (node.openIn !== undefined) return;
    node.openIn = this;
    node.openedBefore = this.#newest;
    if (this.#newest === undefined) this.#oldest = node;
    else this.#newest.openedNext = node;
    this.#newest = node;
    this.#size++;
  }

  /** @returns whether it was there */
  delete(node: TraceNode): boolean {
    if (node.openIn !== this) return false;
    const { openedBefore, openedNext } = node;
    if (openedBefore === undefined) this.#oldest = openedNext;
    else openedBefore.openedNext = openedNext;
    if (openedNext === undefined) this.#newest = openedBefore;
    else openedNext.openedBefore = openedBefore;
    node.openIn = undefined;
    node.openedBefore = undefined;
    node.openedNext = undefined;
    this.#size--;
    return true;
  }

  *[Symbol.iterator](): Generator<TraceNode> {
    for (let node = this.#oldest; node !== undefined; node = node.openedNext) yield node;
  }
}
