/** Accounts of samples and of stacks. */
import type { LossCounter } from "../../bpf/loss-reason.ts";
import { StageAccount } from "../../mapping/account.ts";
import type { ProfileBatch } from "./profile-message.ts";

const CONSUMED_PREFIX = "consumed_";
/** Ends of a stack that nothing is missing of. */
const COMPLETE = "bottom";
/** Threads of the kernel have no stack in user space. */
const NONE = "none";

export class SampleAccounts {
  /** held: what waits for its period to end. */
  readonly #samples = new StageAccount("profile", "samples");
  /** User stacks: out is complete, lost is cut short, by what it ended at. */
  readonly #stacks = new StageAccount("unwind", "stacks");
  readonly #lastLosses = new Map<string, number>();
  readonly #lastEnds = new Map<string, number>();

  get all(): readonly StageAccount[] {
    return [this.#samples, this.#stacks];
  }

  batch({ samples, damagedRecords, leftOut, counters }: ProfileBatch): void {
    this.#samples.addIn(samples.count + damagedRecords + leftOut);
    if (leftOut > 0) this.#samples.addConsumed("filtered", leftOut);
    if (damagedRecords > 0) this.#samples.addLost("unknown_record", damagedRecords);
    for (const [end, count] of Object.entries(counters.ends)) {
      const grown = grownBy(this.#lastEnds, end, count);
      if (end === NONE || grown <= 0) continue;
      this.#stacks.addIn(grown);
      if (end === COMPLETE) this.#stacks.addOut(grown);
      else this.#stacks.addLost(snakeCase(end), grown);
    }
  }

  /** Taken before sampling begins, to see whose tables are wanted. */
  warmUp({ samples, damagedRecords, leftOut, counters }: ProfileBatch): void {
    const count = samples.count + damagedRecords + leftOut;
    this.#samples.addIn(count);
    this.#samples.addConsumed("warm_up", count);
    for (const [end, ended] of Object.entries(counters.ends)) grownBy(this.#lastEnds, end, ended);
  }

  filtered(): void {
    this.#samples.addConsumed("filtered");
  }

  /** Read by the thread, and given up before they were named. */
  unnamed(count: number): void {
    if (count === 0) return;
    this.#samples.addIn(count);
    this.#samples.addLost("shutdown", count);
  }

  /** There is no time left for what is held. @returns how much that is */
  cut(): number {
    const { held } = this.#samples;
    if (held > 0) this.#samples.addLost("shutdown", held);
    return held;
  }

  left(count: number): void {
    this.#samples.addOut(count);
  }

  losses(counters: readonly LossCounter[]): void {
    for (const { reason, count } of counters) {
      const grown = grownBy(this.#lastLosses, reason, count);
      if (grown <= 0) continue;
      this.#samples.addIn(grown);
      if (reason.startsWith(CONSUMED_PREFIX)) this.#samples.addConsumed(reason.slice(CONSUMED_PREFIX.length), grown);
      else this.#samples.addLost(reason, grown);
    }
  }
}

function grownBy(last: Map<string, number>, key: string, count: number): number {
  const grown = count - (last.get(key) ?? 0);
  last.set(key, count);
  return grown;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
