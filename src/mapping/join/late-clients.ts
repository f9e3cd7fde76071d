/**
 * Servers' requests whose client's end may still be told: a send is told when it is done where the kernel has no better
 * hook, bytes that were not resident are told again, and a datagram may show its sender with its answer only.
 *
 * What waits is undecided, so nothing of its trace leaves before it; it waits until a moment after its own end.
 */
import { type ExchangeId, isSameExchange } from "../ids.ts";
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";

const WAIT_NS = 50_000_000;
/** The oldest gives up first. */
const MAX_WAITING = 4096;

export class LateClients {
  readonly #waiting = new Map<number, TraceNode>();
  /** In the order of their ends. */
  #finished: { readonly node: TraceNode; readonly deadlineNs: number }[] = [];

  add(node: TraceNode): void {
    if (this.#waiting.size >= MAX_WAITING) {
      const [key, oldest] = this.#waiting.entries().next().value!;
      this.#waiting.delete(key);
      decide(oldest, undefined, undefined);
    }
    this.#waiting.set(keyOf(node.id), node);
  }

  /** The server that has read this client's request already. */
  take(id: ExchangeId): TraceNode | undefined {
    const key = keyOf(id);
    const node = this.#waiting.get(key);
    if (node === undefined || !isSameExchange(node.id, id)) return undefined;
    this.#waiting.delete(key);
    return node;
  }

  /** The request is answered, or never will be. */
  finished(node: TraceNode, nowNs: number): void {
    if (!node.isDecided) this.#finished.push({ node, deadlineNs: nowNs + WAIT_NS });
  }

  advance(nowNs: number): void {
    let over = 0;
    while (over < this.#finished.length && this.#finished[over]!.deadlineNs <= nowNs) {
      const { node } = this.#finished[over++]!;
      if (this.#waiting.get(keyOf(node.id)) === node) this.#waiting.delete(keyOf(node.id));
      decide(node, undefined, undefined);
    }
    if (over > 0) this.#finished.splice(0, over);
  }
}

function keyOf(id: ExchangeId): number {
  return (id.a >>> 0) * 0x200000 + (id.b & 0x1fffff);
}
