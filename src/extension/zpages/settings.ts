/** Settings of the extension `zpages`. */
import { z } from "zod";
import { listenAddress } from "../../config-value.ts";

export const zpagesSettings = z.strictObject({
  endpoint: listenAddress().optional(),
  /** Host names, beside localhost and addresses, under which the pages may be asked for. */
  allowed_hosts: z.array(z.string().toLowerCase()).default([]),
  /** Fixed instead of random at each start; at least 16 characters. */
  token: z
    .string()
    .min(16)
    .regex(/^[\w.~-]+$/)
    .optional(),
  max_traces: z.int().min(1).max(10_000).default(200),
  max_spans_per_trace: z.int().min(1).max(10_000).default(500),
  /** Of profiles; a sample takes about 150 bytes. */
  max_samples: z.int().min(1).max(10_000_000).default(50_000),
});

export type ZpagesSettings = z.output<typeof zpagesSettings>;
