/** The `service` section but its pipelines, whose checks need the components. */
import { z } from "zod";
import { LOG_ENCODINGS, LOG_LEVELS } from "../log.ts";
import type { TelemetryConfig } from "./config.ts";

const DEFAULT_METRICS_PORT = 8888;

const port = z.number().int().min(0).max(65_535);

const reader = z.strictObject({
  pull: z.strictObject({
    exporter: z.strictObject({
      prometheus: z.strictObject({ host: z.string().default("127.0.0.1"), port: port.default(DEFAULT_METRICS_PORT) }),
    }),
  }),
});

const telemetry = z.strictObject({
  logs: z
    .strictObject({ level: z.enum(LOG_LEVELS).default("info"), encoding: z.enum(LOG_ENCODINGS).default("console") })
    .prefault({}),
  metrics: z
    .strictObject({
      level: z.enum(["none", "basic", "normal", "detailed"]).default("normal"),
      readers: z.array(reader).max(1).optional(),
    })
    .prefault({}),
  resource: z.record(z.string(), z.string()).default({}),
});

export const serviceSchema = z.strictObject({
  extensions: z.array(z.string()).default([]),
  pipelines: z.record(z.string(), z.unknown()),
  telemetry: telemetry.nullable().prefault({}),
});

export const pipelineSchema = z.strictObject({
  receivers: z.array(z.string()).default([]),
  processors: z.array(z.string()).default([]),
  exporters: z.array(z.string()).default([]),
});

export type ServiceSettings = z.infer<typeof serviceSchema>;

export function telemetryConfig(settings: ServiceSettings["telemetry"]): TelemetryConfig {
  const { logs, metrics, resource } = settings ?? telemetry.parse({});
  const prometheus = metrics.readers?.[0]?.pull.exporter.prometheus;
  const address = prometheus ?? { host: "127.0.0.1", port: DEFAULT_METRICS_PORT };
  const isOff = metrics.level === "none" || metrics.readers?.length === 0;
  return { logs, resource, metrics: isOff ? undefined : { address, isDefaultAddress: prometheus === undefined } };
}

export type PipelineSettings = z.infer<typeof pipelineSchema>;
