/**
 * At which of its requests a unit was when it had read last by some moment: those that it has read and not answered are its
 * own (unit.ts), and the last ones that it has answered are kept here. For goroutines, of which the kernel tells behind which
 * of its maker's reads each was made (bpf/unit/go.bpf.h), however many that one has made since.
 */
import { makeRoom } from "../../../make-room.ts";
import type { TraceNode } from "../trace-node.ts";
import type { Unit } from "../unit.ts";
import { AFTER_ANSWER_NS } from "./last-answers.ts";

const MAX_UNITS = 4096;
/** As many as the kernel remembers reads of. */
const MAX_OF_UNIT = 16;

export class PastRequests {
  /** By the key of the unit, oldest first; that of the unit which has answered nothing for the longest time is the first. */
  readonly #byUnit = new Map<number, TraceNode[]>();

  /** `served`, which the unit of this key has read, is over. */
  closed(key: number, served: TraceNode): void {
    const past = this.#byUnit.get(key) ?? [];
    this.#byUnit.delete(key);
    makeRoom(this.#byUnit, MAX_UNITS);
    if (past.length >= MAX_OF_UNIT) past.shift();
    past.push(served);
    this.#byUnit.set(key, past);
  }

  /**
   * What `unit` was at behind the read that was over at `readNs`. undefined: not known, or several: they had come together.
   */
  at(unit: Unit | undefined, key: number, readNs: number): TraceNode | undefined {
    let found: TraceNode | undefined;
    for (const served of this.#of(unit, key)) {
      if (served.start.timestampNs > readNs || (served.isFinished && served.endNs < readNs)) continue;
      if (found !== undefined) return undefined;
      found = served;
    }
    return found?.isPipelined || found?.isDoubtful || unit?.isShared ? undefined : found;
  }

  /** It has read another request behind the read that was over at `readNs`. */
  hasReadOn(unit: Unit | undefined, key: number, readNs: number): boolean {
    for (const { start } of this.#of(unit, key)) if (start.timestampNs > readNs) return true;
    return false;
  }

  *#of(unit: Unit | undefined, key: number): Generator<TraceNode> {
    yield* this.#byUnit.get(key) ?? [];
    yield* unit?.open ?? [];
  }

  /** What was answered too long ago is forgotten. */
  expire(nowNs: number): void {
    for (const [key, past] of this.#byUnit) {
      if (nowNs - past.at(-1)!.endNs <= AFTER_ANSWER_NS) return;
      this.#byUnit.delete(key);
    }
  }

  /** Events are missing: an answer, and the read of the next request, may be among them. */
  forget(): void {
    this.#byUnit.clear();
  }
}
