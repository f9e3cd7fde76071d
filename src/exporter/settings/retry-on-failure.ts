import { z } from "zod";
import { durationMs } from "../../config-value.ts";

/** The Collector's retry_on_failure, with its names and defaults. */
export const retryOnFailure = z.strictObject({
  enabled: z.boolean().default(true),
  initial_interval: durationMs().prefault("5s"),
  randomization_factor: z.number().min(0).max(1).default(0.5),
  multiplier: z.number().min(1).default(1.5),
  max_interval: durationMs().prefault("30s"),
  /** 0: never stop. */
  max_elapsed_time: durationMs().prefault("300s"),
});

export type RetrySettings = z.output<typeof retryOnFailure>;
