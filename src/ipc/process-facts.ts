/** What the broker reads of a process for the worker. Strings come from the process itself: hostile until escaped. */
import { z } from "zod";

const processFacts = z.strictObject({
  tgid: z.number(),
  parentTgid: z.number(),
  /** /proc/PID/stat field 22, clock ticks since boot: with the tgid it names a process for ever. */
  startTimeTicks: z.number(),
  comm: z.string(),
  /** Target of /proc/PID/exe, without " (deleted)"; undefined for kernel threads. */
  executablePath: z.string().optional(),
  /** Bounded: at most 64 arguments and 8 KiB. */
  commandLine: z.array(z.string()),
  workingDirectory: z.string().optional(),
  /** Of the process's first environment, these alone. */
  environment: z.strictObject({
    OTEL_SERVICE_NAME: z.string().optional(),
    OTEL_RESOURCE_ATTRIBUTES: z.string().optional(),
  }),
  cgroupPath: z.string().optional(),
  /** From the state of Docker or of a CRI runtime on this host. */
  containerName: z.string().optional(),
  pidNamespace: z.number().optional(),
  networkNamespace: z.number().optional(),
  /** `go1.22.5`, from the build information of the executable. */
  goVersion: z.string().optional(),
});

export type ProcessFacts = z.output<typeof processFacts>;
