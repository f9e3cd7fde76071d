/**
 * The account of one stage, in one unit: in = out + consumed{why} + held + lost{reason}, at every moment.
 * `held` is derived, so the sum can't drift; a negative `held` is a defect of the stage.
 */
export class StageAccount {
  readonly stage: string;
  readonly unit: string;
  #in = 0;
  #out = 0;
  readonly #consumed = new Map<string, number>();
  readonly #lost = new Map<string, number>();

  constructor(stage: string, unit: string) {
    this.stage = stage;
    this.unit = unit;
  }

  addIn(count = 1): void {
    this.#in += count;
  }

  addOut(count = 1): void {
    this.#out += count;
  }

  /** Taken on purpose and not passed on: `filtered`, `own_process`, `message_body`. */
  addConsumed(why: string, count = 1): void {
    this.#consumed.set(why, (this.#consumed.get(why) ?? 0) + count);
  }

  /** Gone against our will: `queue_full`, `ring_full`. */
  addLost(reason: string, count = 1): void {
    this.#lost.set(reason, (this.#lost.get(reason) ?? 0) + count);
  }

  get in(): number {
    return this.#in;
  }

  get out(): number {
    return this.#out;
  }

  get consumed(): ReadonlyMap<string, number> {
    return this.#consumed;
  }

  get lost(): ReadonlyMap<string, number> {
    return this.#lost;
  }

  get held(): number {
    return this.#in - this.#out - sum(this.#consumed) - sum(this.#lost);
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}
