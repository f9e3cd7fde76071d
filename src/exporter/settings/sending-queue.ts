import { z } from "zod";
import { durationMs, sizeBytes } from "../../config-value.ts";

/** The Collector's sending_queue, with its names and defaults; `max_size_bytes` is ours. */
export const sendingQueue = z
  .strictObject({
    /** Without a queue a batch is sent when a consumer is free, and lost when none is. */
    enabled: z.boolean().default(true),
    /** Requests in flight at the same time, those between two attempts included. */
    num_consumers: z.number().int().positive().default(10),
    queue_size: z.number().int().positive().default(1_000),
    sizer: z.enum(["requests", "items", "bytes"]).default("requests"),
    /** Whatever the sizer counts, the queue holds no more bytes than this in memory. */
    max_size_bytes: sizeBytes().prefault("64MiB"),
    /** Id of a storage extension: the queue lies there, and survives a restart. */
    storage: z.string().min(1).optional(),
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
  })
  .refine(({ enabled, storage }) => enabled || storage === undefined, {
    path: ["storage"],
    message: "a queue that is not enabled can't be stored",
  });

export type QueueSettings = z.output<typeof sendingQueue>;
