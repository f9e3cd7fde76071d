/**
 * Doubt of evidence `creator`: what a request has created may serve others too, while that request goes on. Workers of a
 * pool are made by whoever finds none idle, and all at once by the first who needs them; then they stay.
 *
 * What is made for a request alone has done its calls when the request is answered, and makes none later. So creators are
 * believed where that was so for a few requests; a unit that goes on calling when its request is over costs many. Its first
 * call is why it was made; further ones may be for others and are told when the request is over.
 */
import { decide } from "./trace-graph.ts";
import type { TraceNode } from "./trace-node.ts";

const MAX_UNITS = 4096;
const PROVEN = 3;
const MAX_CREDIT = 64;
const COST_OF_OUTLIVING = 64;
const MAX_PROVING = 64;
const PROOF_WAIT_NS = 500_000_000;

interface Child {
  readonly served: TraceNode;
  /** Calls, as far as they are not over. */
  calls: TraceNode[];
  /** Of these, what waits to be believed. */
  waiting: TraceNode[];
  callCount: number;
}

/** Calls of a request that is over: all that it created is done, and not yet believed. */
interface Proving {
  readonly calls: readonly TraceNode[];
  readonly served: TraceNode;
  readonly deadlineNs: number;
}

export class Offspring {
  /** By the key of the unit; the oldest is forgotten first. */
  readonly #children = new Map<number, Child>();
  readonly #byServed = new Map<TraceNode, Child[]>();
  #proving: Proving[] = [];
  #credit = 0;

  get isHolding(): boolean {
    return this.#proving.length > 0;
  }

  /** What waits for proof too long goes without. */
  advance(nowNs: number): void {
    while (this.#proving.length > 0 && this.#proving[0]!.deadlineNs <= nowNs) free(this.#proving.shift()!.calls);
  }

  /** The unit makes a call, for whomever. */
  calls(unit: number): void {
    if (this.#children.size === 0) return;
    const child = this.#children.get(unit);
    if (child === undefined || !child.served.isFinished) return;
    this.#children.delete(unit);
    this.#outlived();
  }

  /** The call is made by a unit that was created for `served`, which is open. @returns whether it is decided */
  join(call: TraceNode, unit: number, served: TraceNode): boolean {
    const child = this.#childOf(unit, served);
    child.calls = child.calls.filter(({ isFinished }) => !isFinished);
    child.calls.push(call);
    child.callCount++;
    if (child.callCount === 1 && this.#credit >= PROVEN) return decide(call, served, "creator");
    child.waiting.push(call);
    return false;
  }

  /** The request is answered, or never will be. */
  closed(served: TraceNode, nowNs: number): void {
    const children = this.#byServed.get(served);
    if (children === undefined) return;
    this.#byServed.delete(served);
    if (served.isDoubtful) return;
    if (children.some(({ calls }) => calls.some(({ isFinished }) => !isFinished))) {
      this.#outlived();
      return;
    }
    this.#credit = Math.min(MAX_CREDIT, this.#credit + 1);
    const waiting = children.flatMap((child) => child.waiting.splice(0));
    if (this.#credit >= PROVEN) {
      believe(waiting, served);
      if (this.#credit === PROVEN) this.#proven();
    } else if (waiting.length > 0 && this.#proving.length < MAX_PROVING) {
      for (const call of waiting) call.isHeld = true;
      this.#proving.push({ calls: waiting, served, deadlineNs: nowNs + PROOF_WAIT_NS });
    }
  }

  #proven(): void {
    for (const { calls, served } of this.#takeProving()) believe(calls, served);
    for (const children of this.#byServed.values()) {
      for (const { waiting, callCount, served } of children) if (callCount === 1) believe(waiting.splice(0), served);
    }
  }

  #takeProving(): readonly Proving[] {
    const taken = this.#proving;
    this.#proving = [];
    for (const { calls } of taken) free(calls);
    return taken;
  }

  #childOf(unit: number, served: TraceNode): Child {
    const known = this.#children.get(unit);
    if (known?.served === served) return known;
    if (this.#children.size >= MAX_UNITS) this.#forgetOldest();
    const child: Child = { served, calls: [], waiting: [], callCount: 0 };
    this.#children.set(unit, child);
    const siblings = this.#byServed.get(served);
    if (siblings !== undefined) siblings.push(child);
    else this.#byServed.set(served, [child]);
    return child;
  }

  #forgetOldest(): void {
    const [unit, { served }] = this.#children.entries().next().value!;
    this.#children.delete(unit);
    // Whether it has outlived its request will not be known.
    this.#byServed.delete(served);
  }

  #outlived(): void {
    this.#credit = Math.max(-COST_OF_OUTLIVING, this.#credit - COST_OF_OUTLIVING);
    this.#takeProving();
  }
}

function believe(calls: readonly TraceNode[], served: TraceNode): void {
  for (const call of calls) decide(call, served, "creator");
}

function free(calls: readonly TraceNode[]): void {
  for (const call of calls) call.isHeld = false;
}
