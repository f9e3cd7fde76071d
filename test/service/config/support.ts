import { z } from "zod";
import { durationMs, sizeBytes } from "../../../src/config-value.ts";
import { ComponentCatalog, type ComponentType } from "../../../src/service/component-type.ts";
import type { LoadedConfig } from "../../../src/service/config/load.ts";
import { loadConfig } from "../../../src/service/config/load.ts";
import { ConfigInvalidError, formatProblem } from "../../../src/service/config/problem.ts";

/** Components with one of each kind of setting. */
function component(kind: ComponentType["kind"], type: string, schema: z.ZodType, extra = {}): ComponentType {
  return { kind, type, aliases: [], signals: ["traces"], stability: "beta", schema, ...extra };
}

const otlp = z.strictObject({
  endpoint: z.string(),
  timeout: durationMs().default(5000),
  compression: z.enum(["gzip", "none"]).default("gzip"),
  headers: z.record(z.string(), z.string()).default({}),
  tls: z.strictObject({ insecure: z.boolean().default(false), ca_file: z.string().optional() }).prefault({}),
  sending_queue: z
    .strictObject({
      queue_size: sizeBytes().default(1024),
      num_consumers: z.int().min(1).default(10),
      storage: z.string().optional(),
    })
    .prefault({}),
});

export const catalog = new ComponentCatalog([
  component(
    "receivers",
    "socket_trace",
    z.strictObject({ hooks: z.enum(["auto", "tracepoint", "fentry"]).default("auto") }),
  ),
  component("receivers", "profile", z.strictObject({}), { signals: ["profiles"] }),
  component("processors", "batch", z.strictObject({ timeout: durationMs().default(200) })),
  component(
    "exporters",
    "debug",
    z.strictObject({ verbosity: z.enum(["basic", "normal", "detailed"]).default("basic") }),
  ),
  component("exporters", "otlp_grpc", otlp, { aliases: ["otlp"] }),
  component(
    "exporters",
    "otlp_http",
    otlp.partial({ endpoint: true }).extend({
      traces_endpoint: z.string().optional(),
      profiles_endpoint: z.string().optional(),
      encoding: z.string().optional(),
    }),
    { aliases: ["otlphttp"] },
  ),
  component("exporters", "file", z.strictObject({ path: z.string() })),
  component("extensions", "file_storage", z.strictObject({}), { signals: [] }),
  component("extensions", "zpages", z.strictObject({}), { signals: [] }),
]);

export const MINIMAL = `
receivers:
  socket_trace:
exporters:
  debug:
service:
  pipelines:
    traces:
      receivers: [socket_trace]
      exporters: [debug]
`;

export interface Sources {
  readonly files?: Readonly<Record<string, string>>;
  readonly locations?: readonly string[];
  readonly settings?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Loads a.yaml where nothing else is said; default.yaml is the default configuration. */
export function load({ files = {}, locations = ["a.yaml"], settings = [], environment = {} }: Sources): LoadedConfig {
  const all: ReadonlyMap<string, string> = new Map(Object.entries({ "default.yaml": MINIMAL, ...files }));
  return loadConfig({
    locations,
    settings,
    defaultLocation: "default.yaml",
    environment,
    catalog,
    readFile(path) {
      const text = all.get(path);
      if (text === undefined) throw new Error("no such file");
      return text;
    },
  });
}

/** The lines of the problems of a configuration that must be wrong. */
export function problemsOf(sources: Sources): string[] {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof ConfigInvalidError) return error.problems.map(formatProblem);
    throw error;
  }
  throw new Error("the configuration was taken for right");
}
