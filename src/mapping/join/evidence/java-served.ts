/** What each unit of a JVM has served of late: its calls for what it made meanwhile may come when it has read further requests. Bounded. */
import { makeRoom } from "../../../make-room.ts";
import type { TraceNode } from "../trace-node.ts";

const MAX_UNITS = 4096;
/** Of one unit: twice as many before the older half is forgotten. */
const KEPT = 32;

/** A request that a unit has served, from one of its events to another. */
interface Served {
  readonly served: TraceNode;
  readonly since: number;
  readonly until: number;
}

export class JavaServed {
  /** By unit, oldest first; who has answered nothing for the longest time is forgotten first. */
  readonly #byUnit = new Map<number, Served[]>();

  add(unit: number, served: Served): void {
    const all = this.#byUnit.get(unit) ?? [];
    this.#byUnit.delete(unit);
    makeRoom(this.#byUnit, MAX_UNITS);
    this.#byUnit.set(unit, all);
    if (all.length >= 2 * KEPT) all.splice(0, KEPT);
    all.push(served);
  }

  /** The last request that the unit has answered was there, or one later, when this event of its came. */
  hasAnsweredSince(unit: number, order: number): boolean {
    const last = this.#byUnit.get(unit)?.at(-1);
    return last !== undefined && order < last.until;
  }

  /** What the unit was at behind this event of its; undefined: not known, or not answered yet. */
  at(unit: number, order: number): TraceNode | undefined {
    return this.#byUnit.get(unit)?.findLast(({ since, until }) => order >= since && order < until)?.served;
  }

  clear(): void {
    this.#byUnit.clear();
  }
}
