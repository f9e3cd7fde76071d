import { z } from "zod";
import { durationMs } from "../../config-value.ts";
import { retryOnFailure } from "../settings/retry-on-failure.ts";
import { sendingQueue } from "../settings/sending-queue.ts";

/** Where an ingester listens. */
export interface IngesterAddress {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, `[::1]:20033`; undefined when it is none. */
export function parseIngesterAddress(text: string): IngesterAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port === 0 || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? "", port };
}

export const deepflowSettings = z
  .strictObject({
    /** The ingester, `host:port`. Without it, what the controller says to the extension named by `agent`. */
    endpoint: z
      .string()
      .refine((text) => parseIngesterAddress(text) !== undefined, {
        message: 'not an address, write it like "10.0.0.1:20033"',
      })
      .optional(),
    /** Id of the trident extension whose controller decides: address, agent id, throttle, whether to send at all. */
    agent: z.string().optional(),
    protocol: z.enum(["tcp", "udp"]).default("tcp"),
    /** Of a connection attempt and of each write. */
    timeout: durationMs().prefault("5s"),
    compression: z.enum(["zstd", "zlib", "gzip", "none"]).default("zstd"),
    /** For use without a controller. */
    agent_id: z.number().int().min(0).max(64_000).default(1),
    team_id: z.number().int().nonnegative().default(1),
    organization_id: z.number().int().min(1).max(1024).default(1),
    vpc_id: z.number().int().nonnegative().default(1),
    /** Rows a second; 0: no limit. With `agent`, the controller's number. */
    max_rows_per_second: z.number().int().nonnegative().default(10_000),
    /** Own numbers as DFSTATS rows; 0 for none. */
    stats_interval: durationMs().prefault("10s"),
    sending_queue: sendingQueue.prefault({ num_consumers: 1, batch: { min_size: 512, flush_timeout: "1s" } }),
    retry_on_failure: retryOnFailure.prefault({}),
  })
  .refine(({ endpoint, agent }) => endpoint !== undefined || agent !== undefined, {
    path: ["endpoint"],
    message: "endpoint or agent is needed: nothing connects unless configured",
  });

export type DeepflowSettings = z.output<typeof deepflowSettings>;
