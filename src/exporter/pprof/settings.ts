import { z } from "zod";
import { durationMs } from "../../config-value.ts";

/** Files for `go tool pprof`: one for each period and kind of sample. */
export const pprofSettings = z.strictObject({
  /** Made where it is not there yet. */
  directory: z.string().min(1),
  /** How much time goes into one file. */
  period: durationMs().prefault("60s"),
  /** The oldest are removed. */
  max_files: z.number().int().positive().default(100),
});

export type PprofSettings = z.output<typeof pprofSettings>;
