import { z } from "zod";
import { durationMs } from "../../config-value.ts";

/** The Collector's is /var/lib/otelcol/file_storage, which belongs to the user of a Collector that runs beside. */
const DEFAULT_DIRECTORY = "/var/lib/sockspan/file_storage";

/** The Collector's file_storage, with its names; `directory` has a default of its own. */
export const fileStorageSettings = z.strictObject({
  directory: z.string().min(1).default(DEFAULT_DIRECTORY),
  /** For another process to let go of the folder. */
  timeout: durationMs().prefault("1s"),
  create_directory: z.boolean().default(true),
  /** Of a folder that is made, minus the umask. */
  directory_permissions: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'not permissions, write them in quotes and octal, "0750"')
    .default("0750"),
  /** Survive a loss of power too. */
  fsync: z.boolean().default(false),
  /**
   * Taken so that a Collector's configuration can be used, and without a meaning: a request's file is removed when it was
   * sent, so that there is nothing to compact.
   */
  compaction: z
    .strictObject({
      directory: z.string().optional(),
      on_start: z.boolean().optional(),
      on_rebound: z.boolean().optional(),
      rebound_needed_threshold_mib: z.number().int().nonnegative().optional(),
      rebound_trigger_threshold_mib: z.number().int().nonnegative().optional(),
      max_transaction_size: z.number().int().nonnegative().optional(),
      check_interval: durationMs().optional(),
      cleanup_on_start: z.boolean().optional(),
    })
    .optional(),
});

export type FileStorageSettings = z.output<typeof fileStorageSettings>;
