/** Settings of the exporter `otlp_http`. */
import { z } from "zod";
import { durationMs } from "../../config-value.ts";
import { httpHeaders } from "../settings/headers.ts";
import { httpUrl } from "../settings/http-url.ts";
import { retryOnFailure } from "../settings/retry-on-failure.ts";
import { sendingQueue } from "../settings/sending-queue.ts";
import { type TlsSettings, tlsSettings } from "../settings/tls.ts";

const HTTP_COMPRESSIONS = ["gzip", "zstd", "zlib", "deflate", "none"] as const;
export type HttpCompression = (typeof HTTP_COMPRESSIONS)[number];

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
    headers: httpHeaders,
    compression: z.enum(HTTP_COMPRESSIONS).default("gzip"),
    sending_queue: sendingQueue.prefault({}),
    retry_on_failure: retryOnFailure.prefault({}),
  })
  .refine((settings) => [settings.endpoint, settings.traces_endpoint, settings.profiles_endpoint].some(isGiven), {
    path: ["endpoint"],
    message: "endpoint, traces_endpoint or profiles_endpoint is needed",
  });

function isGiven(value: string | undefined): value is string {
  return value !== undefined;
}

export type OtlpHttpSettings = z.output<typeof otlpHttpSettings>;

/** undefined: no connection of any signal has TLS. */
export function otlpHttpTls(settings: OtlpHttpSettings): TlsSettings | undefined {
  const urls = [settings.endpoint, settings.traces_endpoint, settings.profiles_endpoint].filter(isGiven);
  return urls.some((url) => new URL(url).protocol === "https:") ? settings.tls : undefined;
}
