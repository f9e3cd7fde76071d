/** The configuration of the profile receiver: the broker takes the kernel's part of it, the receiver the rest. */
import { z } from "zod";
import { durationMs, sizeBytes } from "../config-value.ts";
import { processScope, processSelection } from "./process-selection.ts";

const MIB = 1024 ** 2;

const shape = z.strictObject({
  /** Samples a second of each CPU that is busy. A prime keeps away from what programs do by the clock. */
  sampling_frequency: z.int().min(1).max(10_000).default(97),
  /** auto: CPU cycles where the processor counts them, else the kernel's clock. */
  event: z.enum(["auto", "cycles", "cpu_clock"]).default("auto"),
  /** A profile of each process leaves so often. */
  period: durationMs()
    .refine((ms) => ms >= 1000 && ms <= 600_000, { message: "not from 1s to 10m" })
    .prefault("10s"),
  scope: processScope.default("auto"),
  include: processSelection.prefault({}),
  exclude: processSelection.prefault({}),
  kernel_stacks: z.boolean().default(true),
  off_cpu: z
    .strictObject({
      /** Which part of the waits is looked at; 0: none. */
      share: z.number().min(0).max(1).default(0),
      /** Shorter waits make no sample. */
      threshold: durationMs().prefault("1ms"),
      /** Who ended a wait is told with its stacks. */
      waker_stacks: z.boolean().default(false),
    })
    .prefault({}),
  ring_buffer_size_bytes: sizeBytes()
    .refine((bytes) => bytes >= MIB && bytes <= 512 * MIB && Number.isInteger(Math.log2(bytes)), {
      message: "not a power of two from 1MiB to 512MiB",
    })
    /** Else as much as a second of samples of all CPUs takes. */
    .optional(),
  /** Rows of unwinding tables in the kernel, 8 bytes each: a big program has 300 000, the C library 23 000. */
  unwind_rows: z
    .int()
    .min(1024)
    .max(8 * 1024 ** 2)
    .default(2 * 1024 ** 2),
});

/** What an interrupt has woken is only known by the kernel's frames. */
export const profileConfig = shape.refine((config) => config.kernel_stacks || !config.off_cpu.waker_stacks, {
  path: ["off_cpu", "waker_stacks"],
  message: "not possible without kernel_stacks",
});

export type ProfileConfig = z.output<typeof profileConfig>;

/** Of a sample with deep stacks. */
const SAMPLE_BYTES = 1536;

/** The reader looks ten times a second, and may have to wait for a processor. */
export function ringSizeBytes({ ring_buffer_size_bytes, sampling_frequency }: ProfileConfig, cpus: number): number {
  const secondBytes = cpus * sampling_frequency * SAMPLE_BYTES;
  return ring_buffer_size_bytes ?? Math.min(64 * MIB, Math.max(MIB, 2 ** Math.ceil(Math.log2(secondBytes))));
}
