/** Looks at the keys and certificates of a configuration before anything ends for its sake. */
import { withExporterId } from "../exporter/error.ts";
import { kafkaTls } from "../exporter/kafka/settings.ts";
import { localFiles } from "../exporter/local-files.ts";
import { otlpGrpcTls } from "../exporter/otlp/otlp-grpc-settings.ts";
import { otlpHttpTls } from "../exporter/otlp/otlp-http-settings.ts";
import type { TlsSettings } from "../exporter/settings/tls.ts";
import { createTlsContext } from "../exporter/tls-context.ts";
import type { Config } from "./config/config.ts";

type TlsOf = (settings: never) => TlsSettings | undefined;

const TLS_OF: ReadonlyMap<string, TlsOf> = new Map<string, TlsOf>([
  ["kafka", kafkaTls],
  ["otlp_grpc", otlpGrpcTls],
  ["otlp_http", otlpHttpTls],
]);

/** @throws ExporterFileError: what an exporter of a pipeline would end a start with */
export async function checkExporterKeys({ exporters, pipelines }: Config): Promise<void> {
  const used = new Set(pipelines.flatMap((pipeline) => pipeline.exporters));
  for (const { id, type, settings } of exporters.values()) {
    const tls = used.has(id) ? TLS_OF.get(type)?.(settings as never) : undefined;
    if (tls === undefined) continue;
    try {
      await createTlsContext(tls, localFiles);
    } catch (error) {
      throw withExporterId(error, id);
    }
  }
}
