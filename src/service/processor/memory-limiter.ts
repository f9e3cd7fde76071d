/**
 * memory_limiter: above the soft limit spans are dropped and counted. A Collector refuses them, but nobody can push
 * back on a kernel.
 */
import { z } from "zod";
import { durationMs } from "../../config-value.ts";
import { StageAccount } from "../../mapping/account.ts";
import type { Span } from "../../mapping/span.ts";
import type { Processor } from "./processor.ts";

const MIB = 1024 ** 2;
/** Of the limit, where spike_limit_mib is not set: the Collector's share. */
const SPIKE_SHARE = 0.2;

export const memoryLimiterSettings = z
  .strictObject({
    check_interval: durationMs().prefault("1s"),
    limit_mib: z.int().positive(),
    spike_limit_mib: z.int().nonnegative().optional(),
  })
  .refine(({ limit_mib, spike_limit_mib = 0 }) => spike_limit_mib < limit_mib, {
    path: ["spike_limit_mib"],
    message: "not below limit_mib",
  });

export type MemoryLimiterSettings = z.output<typeof memoryLimiterSettings>;

interface MemoryMeter {
  readonly residentBytes: () => number;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export class MemoryLimiter implements Processor {
  readonly id: string;
  readonly account: StageAccount;
  readonly #softLimitBytes: number;
  readonly #intervalMs: number;
  readonly #meter: MemoryMeter;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #isAbove = false;

  constructor(id: string, settings: MemoryLimiterSettings, meter: MemoryMeter) {
    this.id = id;
    this.account = new StageAccount(`processor/${id}`, "spans");
    const spike = settings.spike_limit_mib ?? settings.limit_mib * SPIKE_SHARE;
    this.#softLimitBytes = (settings.limit_mib - spike) * MIB;
    this.#intervalMs = settings.check_interval;
    this.#meter = meter;
  }

  process(spans: readonly Span[]): readonly Span[] {
    this.account.addIn(spans.length);
    const nowMs = this.#meter.nowMs();
    if (nowMs - this.#checkedMs >= this.#intervalMs) {
      this.#checkedMs = nowMs;
      this.#isAbove = this.#meter.residentBytes() > this.#softLimitBytes;
    }
    if (!this.#isAbove) {
      this.account.addOut(spans.length);
      return spans;
    }
    this.account.addLost("memory_limit", spans.length);
    return [];
  }
}
