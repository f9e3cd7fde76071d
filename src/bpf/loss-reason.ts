/** The kernel's counters by the words that accounts and metrics use: `ring_full`, `consumed_drop`. */
import { LossReason } from "./layout.gen.ts";
import { type BpfMap, keyU32, sumU64 } from "./map.ts";

export interface LossCounter {
  readonly reason: string;
  readonly count: number;
}

const REASONS: readonly { readonly reason: string; readonly index: number }[] = Object.entries(LossReason)
  .filter(([, index]) => index !== LossReason.lossReasons)
  .map(([name, index]) => ({ reason: snakeCase(name).replace(/^loss_/, ""), index }));

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** @param map loss_counters, per CPU */
export function readLossCounters(map: BpfMap): LossCounter[] {
  return REASONS.map(({ reason, index }) => ({ reason, count: sumU64(map.getPerCpu(keyU32(index))) }));
}
