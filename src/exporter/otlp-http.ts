import { z } from "zod";
import { durationMs } from "../config-value.ts";
import { scopeName, scopeVersion } from "../mapping/otlp/scope.ts";
import type { ExporterDeps, TraceExporter } from "./exporter.ts";
import { createHttpAgent, createHttpsAgent } from "./http-agent.ts";
import { HttpSender } from "./http-sender.ts";
import { jsonFormat } from "./json-format.ts";
import { protobufFormat } from "./protobuf-format.ts";
import { QueuedExporter } from "./queued-exporter.ts";
import { headerSettings } from "./settings/headers.ts";
import { httpUrl } from "./settings/http-url.ts";
import { retryOnFailure } from "./settings/retry-on-failure.ts";
import { sendingQueue } from "./settings/sending-queue.ts";
import { readTlsFiles, tlsSettings } from "./settings/tls.ts";

/** The Collector's otlp_http exporter, with its names and defaults. */
export const otlpHttpSettings = z
  .strictObject({
    /** The signal's path is added to it. */
    endpoint: httpUrl.optional(),
    /** Used as it is. */
    traces_endpoint: httpUrl.optional(),
    encoding: z.enum(["proto", "json"]).default("proto"),
    timeout: durationMs().prefault("30s"),
    tls: tlsSettings.prefault({}),
    headers: headerSettings,
    compression: z.enum(["gzip", "none"]).default("gzip"),
    sending_queue: sendingQueue.prefault({}),
    retry_on_failure: retryOnFailure.prefault({}),
  })
  .refine(({ endpoint, traces_endpoint }) => endpoint !== undefined || traces_endpoint !== undefined, {
    path: ["endpoint"],
    message: "endpoint or traces_endpoint is needed",
  });

export type OtlpHttpSettings = z.output<typeof otlpHttpSettings>;

export async function createOtlpHttpExporter(
  id: string,
  settings: OtlpHttpSettings,
  deps: ExporterDeps,
): Promise<TraceExporter> {
  const url = tracesUrl(settings);
  const isJson = settings.encoding === "json";
  const sender = new HttpSender({
    url,
    agent: async () =>
      url.protocol === "https:"
        ? createHttpsAgent(settings.tls, await readTlsFiles(settings.tls, deps.files))
        : createHttpAgent(),
    contentType: isJson ? "application/json" : "application/x-protobuf",
    compression: settings.compression,
    headers: { "user-agent": `${scopeName}/${scopeVersion}`, ...settings.headers },
    timeoutMs: settings.timeout,
  });
  const format = isJson ? jsonFormat : protobufFormat;
  return new QueuedExporter({
    id,
    format,
    sender,
    queue: settings.sending_queue,
    retry: settings.retry_on_failure,
    deps,
  });
}

function tracesUrl({ endpoint, traces_endpoint }: OtlpHttpSettings): URL {
  return new URL(traces_endpoint ?? `${endpoint?.replace(/\/+$/, "")}/v1/traces`);
}
