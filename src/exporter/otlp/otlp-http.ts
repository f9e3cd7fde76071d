/** Exporter `otlp_http`: queue, format and sender put together, for spans and for profiles. */
import { SCOPE_NAME, SCOPE_VERSION } from "../../mapping/otlp/scope.ts";
import { ExporterEndpointMissingError } from "../error.ts";
import type { ExporterDeps, ProfileExporter, TraceExporter } from "../exporter.ts";
import { jsonFormat } from "../format/json-format.ts";
import { profilesJsonFormat, profilesProtobufFormat } from "../format/profiles-format.ts";
import { protobufFormat } from "../format/protobuf-format.ts";
import { QueuedExporter } from "../queue/queued-exporter.ts";
import { createTlsContext } from "../tls-context.ts";
import { createHttpAgent, createHttpsAgent } from "./http-agent.ts";
import { prepareHttpCompression } from "./http-compression.ts";
import { HttpSender } from "./http-sender.ts";
import type { OtlpHttpSettings } from "./otlp-http-settings.ts";

export async function createOtlpHttpExporter(
  id: string,
  settings: OtlpHttpSettings,
  deps: ExporterDeps,
): Promise<TraceExporter> {
  const url = urlOf("traces_endpoint", settings, "v1/traces");
  const format = settings.encoding === "json" ? jsonFormat : protobufFormat;
  return new QueuedExporter({ ...common(id, settings, deps), format, sender: await createSender(url, settings, deps) });
}

export async function createOtlpHttpProfileExporter(
  id: string,
  settings: OtlpHttpSettings,
  deps: ExporterDeps,
): Promise<ProfileExporter> {
  const url = urlOf("profiles_endpoint", settings, "v1development/profiles");
  const format = settings.encoding === "json" ? profilesJsonFormat : profilesProtobufFormat;
  const sender = await createSender(url, settings, deps);
  return new QueuedExporter({ ...common(id, settings, deps), unit: "profiles", format, sender });
}

function common(id: string, settings: OtlpHttpSettings, deps: ExporterDeps) {
  return { id, queue: settings.sending_queue, retry: settings.retry_on_failure, deps };
}

async function createSender(url: URL, settings: OtlpHttpSettings, deps: ExporterDeps): Promise<HttpSender> {
  await prepareHttpCompression(settings.compression);
  const isJson = settings.encoding === "json";
  return new HttpSender({
    url,
    agent: async () =>
      url.protocol === "https:"
        ? createHttpsAgent(settings.tls, await createTlsContext(settings.tls, deps.files))
        : createHttpAgent(),
    contentType: isJson ? "application/json" : "application/x-protobuf",
    compression: settings.compression,
    headers: { "user-agent": `${SCOPE_NAME}/${SCOPE_VERSION}`, ...settings.headers },
    timeoutMs: settings.timeout,
  });
}

/** @throws ExporterEndpointMissingError when only the other signal's endpoint is configured */
function urlOf(key: "traces_endpoint" | "profiles_endpoint", settings: OtlpHttpSettings, path: string): URL {
  const { endpoint } = settings;
  if (settings[key] === undefined && endpoint === undefined) throw new ExporterEndpointMissingError(key);
  if (settings[key] !== undefined) return new URL(settings[key]);
  const url = new URL(endpoint!);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
  return url;
}
