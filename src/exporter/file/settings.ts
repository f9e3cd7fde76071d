import { z } from "zod";
import { durationMs } from "../../config-value.ts";

/** The Collector's file exporter, with its names and defaults: OTLP JSON, one request per line. */
export const fileSettings = z
  .strictObject({
    path: z.string().min(1),
    format: z.literal("json").default("json"),
    /** Otherwise the file is emptied at the start. */
    append: z.boolean().default(false),
    flush_interval: durationMs().prefault("1s"),
    rotation: z
      .strictObject({
        max_megabytes: z.number().int().positive().default(100),
        max_backups: z.number().int().positive().default(100),
      })
      .optional(),
  })
  .refine(({ append, rotation }) => !append || rotation === undefined, {
    path: ["append"],
    message: "append and rotation exclude each other",
  });

export type FileSettings = z.output<typeof fileSettings>;
