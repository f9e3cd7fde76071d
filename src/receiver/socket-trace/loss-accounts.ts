/** What the programs count, brought into the account: events that never came, and events without their bytes. */

import type { LossCounter } from "../../bpf/loss-reason.ts";
import type { StageAccount } from "../../mapping/account.ts";

/** No event came: the socket's event numbers have a gap. */
const LOST_EVENTS: readonly string[] = ["ring_full", "rate_limited", "overload"];
const CONSUMED_PREFIX = "consumed_";

export class LossAccounts {
  readonly #ring: StageAccount;
  readonly #payload: StageAccount;
  readonly #last = new Map<string, number>();
  #unsettled = 0;

  constructor(ring: StageAccount, payload: StageAccount) {
    this.#ring = ring;
    this.#payload = payload;
  }

  /** Events that came; whether their bytes did is known at the next counters. */
  received(events: number): void {
    this.#ring.addIn(events);
    this.#ring.addOut(events);
    this.#payload.addIn(events);
    this.#unsettled += events;
  }

  /** Events that came too late to be read. */
  cut(events: number): void {
    this.#ring.addIn(events);
    this.#ring.addLost("shutdown", events);
  }

  /** @returns how many events never came since the last counters */
  update(counters: readonly LossCounter[]): number {
    let lostEvents = 0;
    let withoutBytes = 0;
    for (const { reason, count } of counters) {
      const grown = count - (this.#last.get(reason) ?? 0);
      this.#last.set(reason, count);
      if (grown <= 0) continue;
      if (LOST_EVENTS.includes(reason)) {
        this.#ring.addIn(grown);
        this.#ring.addLost(reason, grown);
        lostEvents += grown;
      } else if (reason.startsWith(CONSUMED_PREFIX)) {
        this.#ring.addIn(grown);
        this.#ring.addConsumed(reason.slice(CONSUMED_PREFIX.length), grown);
      } else {
        this.#payload.addLost(reason, grown);
        withoutBytes += grown;
      }
    }
    this.#payload.addOut(Math.max(this.#unsettled - withoutBytes, 0));
    this.#unsettled = Math.min(this.#unsettled - withoutBytes, 0);
    return lostEvents;
  }
}
