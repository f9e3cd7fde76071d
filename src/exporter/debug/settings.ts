import { z } from "zod";

/** The Collector's debug exporter, for people: its lines are data, so they go to stdout. */
export const debugSettings = z.strictObject({
  verbosity: z.enum(["basic", "normal", "detailed"]).default("basic"),
  /** Nobody reads more, and a terminal that can't follow would hold up the program. 0: no limit. */
  max_lines_per_second: z.number().int().nonnegative().default(500),
});

export type DebugSettings = z.output<typeof debugSettings>;
