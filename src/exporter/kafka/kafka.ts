/** The exporter `kafka`: OTLP requests as messages, as the Collector's kafka receiver reads them. */
import { compress } from "@bokuweb/zstd-wasm";
import type { Profile } from "../../mapping/profile.ts";
import type { Span } from "../../mapping/span.ts";
import { prepareCompression } from "../../trident/compression.ts";
import type { ExporterDeps, ProfileExporter, TraceExporter } from "../exporter.ts";
import { jsonFormat } from "../format/json-format.ts";
import { profilesJsonFormat, profilesProtobufFormat } from "../format/profiles-format.ts";
import { protobufFormat } from "../format/protobuf-format.ts";
import type { RequestFormat } from "../format/request-format.ts";
import { QueuedExporter } from "../queue/queued-exporter.ts";
import { createTlsContext } from "../tls-context.ts";
import type { ConnectionTls } from "./broker-connection.ts";
import type { ClusterOptions } from "./cluster.ts";
import { KafkaSender } from "./kafka-sender.ts";
import { compressLz4 } from "./lz4.ts";
import { jsonByTrace, type MessagesOf, protobufByTrace, wholeRequest } from "./messages.ts";
import { type Compress, gzipCompress } from "./record-batch.ts";
import { authenticate, type SaslCredentials } from "./sasl.ts";
import { type KafkaSettings, kafkaTls, parseBroker, signalOf } from "./settings.ts";
import { compressSnappy } from "./snappy.ts";

const ZSTD_DEFAULT_LEVEL = 3;

export async function createKafkaExporter(
  id: string,
  settings: KafkaSettings,
  deps: ExporterDeps,
): Promise<TraceExporter> {
  const { encoding, topic } = signalOf(settings, "traces");
  const isJson = encoding === "otlp_json";
  const byTrace = isJson ? jsonByTrace : protobufByTrace;
  const messagesOf = settings.partition_traces_by_id ? byTrace : wholeRequest;
  return make<Span>({
    id,
    unit: "spans",
    format: isJson ? jsonFormat : protobufFormat,
    topic,
    messagesOf,
    settings,
    deps,
  });
}

export async function createKafkaProfileExporter(
  id: string,
  settings: KafkaSettings,
  deps: ExporterDeps,
): Promise<ProfileExporter> {
  const { encoding, topic } = signalOf(settings, "profiles");
  const format = encoding === "otlp_json" ? profilesJsonFormat : profilesProtobufFormat;
  return make<Profile>({ id, unit: "profiles", format, topic, messagesOf: wholeRequest, settings, deps });
}

interface Parts<Item> {
  readonly id: string;
  readonly unit: "spans" | "profiles";
  readonly format: RequestFormat<Uint8Array, Item>;
  readonly topic: string;
  readonly messagesOf: MessagesOf;
  readonly settings: KafkaSettings;
  readonly deps: ExporterDeps;
}

async function make<Item>({ id, unit, format, topic, messagesOf, settings, deps }: Parts<Item>) {
  const { brokers, producer, timeout, metadata, record_headers } = settings;
  // It reads a file, which this process may do now and perhaps not later.
  if (producer.compression === "zstd") await prepareCompression();
  const sender = new KafkaSender({
    cluster: {
      brokers: [brokers].flat().map((text) => parseBroker(text)!),
      topic,
      mayCreateTopic: producer.allow_auto_topic_creation,
      refreshMs: metadata.refresh_interval,
      now: deps.now,
      connection: () => connectionOf(settings, deps),
    },
    messagesOf,
    acks: producer.required_acks,
    timeoutMs: timeout,
    maxMessageBytes: producer.max_message_bytes,
    maxMessages: producer.flush_max_messages,
    batch: {
      headers: Object.entries(record_headers),
      compression: producer.compression,
      compress: compressOf(producer),
    },
  });
  const { sending_queue: queue, retry_on_failure: retry } = settings;
  return new QueuedExporter({ id, unit, format, sender, queue, retry, deps });
}

function compressOf({ compression, compression_params }: KafkaSettings["producer"]): Compress {
  const { level } = compression_params;
  if (compression === "gzip") return gzipCompress(level);
  if (compression === "snappy") return async (records) => compressSnappy(records);
  if (compression === "lz4") return async (records) => compressLz4(records);
  const zstdLevel = level > 0 ? level : ZSTD_DEFAULT_LEVEL;
  return async (records) => compress(records, zstdLevel);
}

async function connectionOf(settings: KafkaSettings, deps: ExporterDeps): Promise<ClusterOptions["connection"]> {
  const credentials = credentialsOf(settings.auth);
  return {
    clientId: settings.client_id,
    timeoutMs: settings.timeout === 0 ? 30_000 : settings.timeout,
    idleMs: settings.conn_idle_timeout,
    tls: await tlsOf(settings, deps),
    authenticate: credentials && ((connection) => authenticate(connection, credentials)),
  };
}

async function tlsOf(settings: KafkaSettings, deps: ExporterDeps): Promise<ConnectionTls | undefined> {
  const tls = kafkaTls(settings);
  if (tls === undefined) return undefined;
  return {
    context: await createTlsContext(tls, deps.files),
    rejectUnauthorized: !tls.insecure_skip_verify,
    serverName: tls.server_name_override,
  };
}

function credentialsOf({ plain_text, sasl }: KafkaSettings["auth"]): SaslCredentials | undefined {
  if (sasl !== undefined) return sasl;
  return plain_text === undefined ? undefined : { ...plain_text, mechanism: "PLAIN" };
}
