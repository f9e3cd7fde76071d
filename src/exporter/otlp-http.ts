import { z } from "zod";
import { durationMs } from "../config-value.ts";
import { scopeName, scopeVersion } from "../mapping/otlp/scope.ts";
import { ExporterEndpointMissingError } from "./error.ts";
import type { ExporterDeps, ProfileExporter, TraceExporter } from "./exporter.ts";
import { createHttpAgent, createHttpsAgent } from "./http-agent.ts";
import { HttpSender } from "./http-sender.ts";
import { jsonFormat } from "./json-format.ts";
import { profilesJsonFormat, profilesProtobufFormat } from "./profiles-format.ts";
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
    profiles_endpoint: httpUrl.optional(),
    encoding: z.enum(["proto", "json"]).default("proto"),
    timeout: durationMs().prefault("30s"),
    tls: tlsSettings.prefault({}),
    headers: headerSettings,
    compression: z.enum(["gzip", "none"]).default("gzip"),
    sending_queue: sendingQueue.prefault({}),
    retry_on_failure: retryOnFailure.prefault({}),
  })
  .refine((settings) => [settings.endpoint, settings.traces_endpoint, settings.profiles_endpoint].some(isGiven), {
    path: ["endpoint"],
    message: "endpoint, traces_endpoint or profiles_endpoint is needed",
  });

function isGiven(value: string | undefined): boolean {
  return value !== undefined;
}

export type OtlpHttpSettings = z.output<typeof otlpHttpSettings>;

export async function createOtlpHttpExporter(
  id: string,
  settings: OtlpHttpSettings,
  deps: ExporterDeps,
): Promise<TraceExporter> {
  const url = urlOf("traces_endpoint", settings, "v1/traces");
  const format = settings.encoding === "json" ? jsonFormat : protobufFormat;
  return new QueuedExporter({ ...common(id, settings, deps), format, sender: createSender(url, settings, deps) });
}

export async function createOtlpHttpProfileExporter(
  id: string,
  settings: OtlpHttpSettings,
  deps: ExporterDeps,
): Promise<ProfileExporter> {
  const url = urlOf("profiles_endpoint", settings, "v1development/profiles");
  const format = settings.encoding === "json" ? profilesJsonFormat : profilesProtobufFormat;
  const sender = createSender(url, settings, deps);
  return new QueuedExporter({ ...common(id, settings, deps), unit: "profiles", format, sender });
}

function common(id: string, settings: OtlpHttpSettings, deps: ExporterDeps) {
  return { id, queue: settings.sending_queue, retry: settings.retry_on_failure, deps };
}

function createSender(url: URL, settings: OtlpHttpSettings, deps: ExporterDeps): HttpSender {
  const isJson = settings.encoding === "json";
  return new HttpSender({
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
}

/** @throws ExporterEndpointMissingError when only the other signal's endpoint is configured */
function urlOf(key: "traces_endpoint" | "profiles_endpoint", settings: OtlpHttpSettings, path: string): URL {
  const { endpoint } = settings;
  if (settings[key] === undefined && endpoint === undefined) throw new ExporterEndpointMissingError(key);
  return new URL(settings[key] ?? `${endpoint?.replace(/\/+$/, "")}/${path}`);
}
