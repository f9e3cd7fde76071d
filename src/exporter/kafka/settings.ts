/** Settings of the exporter `kafka`. */
import { z } from "zod";
import { durationMs } from "../../config-value.ts";
import { retryOnFailure } from "../settings/retry-on-failure.ts";
import { sendingQueue } from "../settings/sending-queue.ts";
import { type TlsSettings, tlsSettings } from "../settings/tls.ts";
import type { Address } from "./cluster.ts";
import { COMPRESSIONS } from "./record-batch.ts";
import { SASL_MECHANISMS } from "./sasl.ts";

const DEFAULT_PORT = 9092;

/** `host:port`, `[::1]:9092`, `host`; undefined when it is none. */
export function parseBroker(text: string): Address | undefined {
  const match = /^(?:\[([^\]\s]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (match === null || port === 0 || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? "", port };
}

const encoding = z.enum(["otlp_proto", "otlp_json"]);
/** Kafka's own rule (Topic.validate). */
const topic = z.string().regex(/^(?!\.{1,2}$)[\w.-]{1,249}$/, "no topic can have this name");
const signal = z.strictObject({ topic: topic.optional(), encoding: encoding.optional() });
type SignalSettings = z.output<typeof signal>;

const DEFAULT_TOPICS = { traces: "otlp_spans", profiles: "otlp_profiles" } as const;
type KafkaSignal = keyof typeof DEFAULT_TOPICS;

/** The signal's own words, the older ones of all signals, the defaults. */
export function signalOf(settings: SignalSettings & Readonly<Record<KafkaSignal, SignalSettings>>, name: KafkaSignal) {
  return {
    topic: settings[name].topic ?? settings.topic ?? DEFAULT_TOPICS[name],
    encoding: settings[name].encoding ?? settings.encoding ?? "otlp_proto",
  } as const;
}

const credentials = { username: z.string().min(1), password: z.string() };
const broker = z.string().refine((text) => parseBroker(text) !== undefined, {
  message: 'not a broker, write it like "kafka:9092"',
});

/** The Collector's kafka exporter, with its names and defaults. */
export const kafkaSettings = z
  .strictObject({
    brokers: z.union([z.array(broker).min(1), broker]).default(["localhost:9092"]),
    /** Taken and not used: versions are agreed upon with the broker. */
    protocol_version: z
      .string()
      .regex(/^\d+(?:\.\d+){1,3}$/, 'not a version, write it in quotes, "2.1.0"')
      .default("2.1.0"),
    client_id: z.string().min(1).max(1_000).default("sockspan"),
    /** Older: of every signal that names none itself. */
    topic: topic.optional(),
    encoding: encoding.optional(),
    traces: signal.prefault({}),
    profiles: signal.prefault({}),
    partition_traces_by_id: z.boolean().default(false),
    record_headers: z.record(z.string(), z.string()).default({}),
    conn_idle_timeout: durationMs().prefault("9m"),
    metadata: z
      .strictObject({
        refresh_interval: durationMs().prefault("10m"),
        /** Taken and not used: only the own topic is asked for, and retry_on_failure tries again. */
        full: z.boolean().optional(),
        retry: z.strictObject({ max: z.number().int().optional(), backoff: durationMs().optional() }).optional(),
      })
      .prefault({}),
    /** No TLS unless it is there. */
    tls: tlsSettings.optional(),
    auth: z
      .strictObject({
        /** Older: sasl with mechanism PLAIN. */
        plain_text: z.strictObject(credentials).optional(),
        sasl: z
          .strictObject({
            ...credentials,
            mechanism: z.enum(SASL_MECHANISMS).default("PLAIN"),
            /** Taken and not used: version 1 is Kafka's since 1.0. */
            version: z.union([z.literal(0), z.literal(1)]).optional(),
          })
          .optional(),
        /** Older: tls. */
        tls: tlsSettings.optional(),
      })
      .refine(({ plain_text, sasl }) => plain_text === undefined || sasl === undefined, {
        path: ["plain_text"],
        message: "plain_text and sasl exclude each other",
      })
      .prefault({}),
    producer: z
      .strictObject({
        /** Of a message with all that comes around it, before it is compressed. */
        max_message_bytes: z.number().int().min(1_024).max(0x7fff_ffff).default(1_000_000),
        required_acks: z.union([z.literal(-1), z.literal(0), z.literal(1)]).default(1),
        compression: z.enum(COMPRESSIONS).default("none"),
        compression_params: z.strictObject({ level: z.number().int().min(-1).max(22).default(-1) }).prefault({}),
        /** Of one request to a broker. */
        flush_max_messages: z.number().int().nonnegative().default(10_000),
        allow_auto_topic_creation: z.boolean().default(true),
        /** Taken and not used: sending_queue.batch puts together, and a request is below any of these limits. */
        linger: durationMs().optional(),
        max_broker_write_bytes: z.number().int().positive().optional(),
      })
      .refine(({ compression, compression_params }) => compression !== "gzip" || compression_params.level <= 9, {
        path: ["compression_params", "level"],
        message: "gzip knows levels from 1 to 9, and -1",
      })
      .prefault({}),
    /** Of one attempt. */
    timeout: durationMs().prefault("5s"),
    sending_queue: sendingQueue.prefault({}),
    retry_on_failure: retryOnFailure.prefault({}),
  })
  .refine(({ tls, auth }) => tls === undefined || auth.tls === undefined, {
    path: ["auth", "tls"],
    message: "tls and auth.tls exclude each other",
  })
  // What is printed as effective says where each signal goes.
  .overwrite((settings) => ({
    ...settings,
    traces: signalOf(settings, "traces"),
    profiles: signalOf(settings, "profiles"),
  }));

export type KafkaSettings = z.output<typeof kafkaSettings>;

/** undefined: connections are plain. */
export function kafkaTls({ tls, auth }: KafkaSettings): TlsSettings | undefined {
  const given = tls ?? auth.tls;
  return given?.insecure ? undefined : given;
}
