import { z } from "zod";
import { durationMs } from "../../config-value.ts";
import { grpcEndpoint, parseGrpcEndpoint } from "../settings/grpc-endpoint.ts";
import { grpcHeaders } from "../settings/headers.ts";
import { retryOnFailure } from "../settings/retry-on-failure.ts";
import { sendingQueue } from "../settings/sending-queue.ts";
import { type TlsSettings, tlsSettings } from "../settings/tls.ts";

/** The Collector's otlp_grpc exporter, with its names and defaults; `sender` is ours. */
export const otlpGrpcSettings = z.strictObject({
  endpoint: grpcEndpoint,
  timeout: durationMs().prefault("5s"),
  tls: tlsSettings.prefault({}),
  headers: grpcHeaders,
  compression: z.enum(["gzip", "none"]).default("gzip"),
  sending_queue: sendingQueue.prefault({}),
  retry_on_failure: retryOnFailure.prefault({}),
  /** `sdk`: OpenTelemetry JS encodes and sends; it sees no partial_success. */
  sender: z.enum(["raw", "sdk"]).default("raw"),
});

export type OtlpGrpcSettings = z.output<typeof otlpGrpcSettings>;

/** undefined: the connection is plain. */
export function otlpGrpcTls({ endpoint, tls }: OtlpGrpcSettings): TlsSettings | undefined {
  return parseGrpcEndpoint(endpoint, tls.insecure)?.secure ? tls : undefined;
}
