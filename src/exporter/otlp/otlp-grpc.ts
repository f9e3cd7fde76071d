/** Exporter `otlp_grpc`: queue, format and sender put together, for spans and for profiles. */
import * as grpc from "@grpc/grpc-js";
import { SCOPE_NAME, SCOPE_VERSION } from "../../mapping/otlp/scope.ts";
import type { ExporterDeps, ProfileExporter, TraceExporter } from "../exporter.ts";
import { spanListFormat } from "../format/list-format.ts";
import { profilesProtobufFormat } from "../format/profiles-format.ts";
import { protobufFormat } from "../format/protobuf-format.ts";
import { QueuedExporter } from "../queue/queued-exporter.ts";
import { parseGrpcEndpoint } from "../settings/grpc-endpoint.ts";
import type { TlsSettings } from "../settings/tls.ts";
import { createTlsContext } from "../tls-context.ts";
import { GrpcSender, MAX_ANSWER_BYTES } from "./grpc-sender.ts";
import type { OtlpGrpcSettings } from "./otlp-grpc-settings.ts";

const TRACES_PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const PROFILES_PATH = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

export async function createOtlpGrpcExporter(
  id: string,
  settings: OtlpGrpcSettings,
  deps: ExporterDeps,
): Promise<TraceExporter> {
  const common = { id, queue: settings.sending_queue, retry: settings.retry_on_failure, deps };
  if (settings.sender === "sdk") {
    const { target, secure } = parseGrpcEndpoint(settings.endpoint, settings.tls.insecure)!;
    // Loaded only where it is asked for: it brings the SDK with it.
    const { SdkSender } = await import("./sdk-sender.ts");
    const sender = new SdkSender({
      target,
      credentials: () => createCredentials(settings.tls, secure, deps),
      compression: settings.compression,
      headers: settings.headers,
      timeoutMs: settings.timeout,
      concurrency: settings.sending_queue.num_consumers,
    });
    return new QueuedExporter({ ...common, format: spanListFormat, sender });
  }
  return new QueuedExporter({ ...common, format: protobufFormat, sender: rawSender(TRACES_PATH, settings, deps) });
}

/** There is no other sender for profiles than ours. */
export async function createOtlpGrpcProfileExporter(
  id: string,
  settings: OtlpGrpcSettings,
  deps: ExporterDeps,
): Promise<ProfileExporter> {
  return new QueuedExporter({
    id,
    unit: "profiles",
    format: profilesProtobufFormat,
    sender: rawSender(PROFILES_PATH, settings, deps),
    queue: settings.sending_queue,
    retry: settings.retry_on_failure,
    deps,
  });
}

function rawSender(path: string, settings: OtlpGrpcSettings, deps: ExporterDeps): GrpcSender {
  const { target, secure } = parseGrpcEndpoint(settings.endpoint, settings.tls.insecure)!;
  return new GrpcSender({
    path,
    target,
    isPlain: !secure,
    credentials: () => createCredentials(settings.tls, secure, deps),
    channelOptions: channelOptions(settings),
    headers: settings.headers,
    timeoutMs: settings.timeout,
  });
}

async function createCredentials(
  tls: TlsSettings,
  secure: boolean,
  deps: ExporterDeps,
): Promise<grpc.ChannelCredentials> {
  if (!secure) return grpc.credentials.createInsecure();
  const context = await createTlsContext(tls, deps.files);
  return grpc.credentials.createFromSecureContext(context, { rejectUnauthorized: !tls.insecure_skip_verify });
}

function channelOptions(settings: OtlpGrpcSettings): grpc.ChannelOptions {
  const name = settings.tls.server_name_override;
  return {
    "grpc.primary_user_agent": `${SCOPE_NAME}/${SCOPE_VERSION}`,
    // A channel would wait for up to two minutes between two connections, and the queue's retries would fail on it.
    "grpc.max_reconnect_backoff_ms": Math.max(1_000, settings.retry_on_failure.max_interval),
    "grpc.initial_reconnect_backoff_ms": Math.min(1_000, Math.max(100, settings.retry_on_failure.initial_interval)),
    "grpc.max_receive_message_length": MAX_ANSWER_BYTES,
    // Retries are ours alone.
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    ...(settings.compression === "gzip"
      ? { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip }
      : {}),
    ...(name === undefined ? {} : { "grpc.ssl_target_name_override": name, "grpc.default_authority": name }),
  };
}
