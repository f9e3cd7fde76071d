import { z } from "zod";
import { durationMs, sizeBytes } from "../../config-value.ts";

/** The Collector's sending_queue, with its names and defaults; `max_size_bytes` is ours. In memory alone. */
export const sendingQueue = z.strictObject({
  /** Without a queue a batch is sent when a consumer is free, and lost when none is. */
  enabled: z.boolean().default(true),
  /** Requests in flight at the same time, those between two attempts included. */
  num_consumers: z.number().int().positive().default(10),
  queue_size: z.number().int().positive().default(1_000),
  sizer: z.enum(["requests", "items", "bytes"]).default("requests"),
  /** Whatever the sizer counts, the queue holds no more bytes than this. */
  max_size_bytes: sizeBytes().prefault("64MiB"),
  batch: z
    .strictObject({
      flush_timeout: durationMs().prefault("200ms"),
      min_size: z.number().int().nonnegative().default(8_192),
      /** 0: no limit but that of a request. */
      max_size: z.number().int().nonnegative().default(0),
      sizer: z.enum(["items", "bytes"]).default("items"),
    })
    .refine(({ min_size, max_size }) => max_size === 0 || max_size >= min_size, {
      path: ["max_size"],
      message: "below min_size",
    })
    .prefault({}),
});

/** On disk, where `storage` names an extension for it. */
export const storedQueue = sendingQueue.extend({
  storage: z.string().optional(),
  /** 64 MiB of memory, 1 GiB of disk. */
  max_size_bytes: sizeBytes().optional(),
});

export type QueueSettings = z.output<typeof storedQueue>;
