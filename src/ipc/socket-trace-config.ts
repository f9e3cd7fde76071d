/** The configuration of the socket_trace receiver: the broker takes the kernel's part of it, the receiver the rest. */
import { z } from "zod";
import { durationMs, sizeBytes } from "../config-value.ts";
import { DEFAULT_CONTEXT_HEADERS } from "../mapping/join/evidence/carried-context.ts";
import { SdkSpans } from "../mapping/join/evidence/instrumented.ts";
import { processScope, processSelection } from "./process-selection.ts";
import { isNetwork } from "./trusted-networks.ts";

const MIB = 1024 ** 2;

const hookSet = z.enum(["auto", "a", "b", "c"]).default("auto");

const connectionSelection = processSelection.extend({
  /** Local or remote port of the connection. */
  ports: z.array(z.int().min(1).max(65_535)).default([]),
});

const trustedNetwork = z.string().refine(isNetwork, {
  message: "not private, all, none or an address range like 203.0.113.0/24",
});

const ioEventModes = z.enum(["off", "request", "all"]);

/** In YAML 1.1 `off` is false. */
const ioEventsMode = z.codec(z.union([ioEventModes, z.literal(false)]), ioEventModes, {
  decode: (mode) => (mode === false ? "off" : mode),
  encode: (mode) => mode,
});

export const socketTraceConfig = z.strictObject({
  hook_set: z.strictObject({ sends: hookSet, receives: hookSet }).prefault({}),
  scope: processScope.default("auto"),
  include: connectionSelection.prefault({}),
  exclude: connectionSelection.prefault({}),
  /** auto: where only they can tell whose call a client makes (docs/joining.md); off: never. */
  uprobes: z.enum(["auto", "off"]).default("auto"),
  /** AF_UNIX streams with a name at one of their ends. */
  unix_sockets: z.boolean().default(true),
  ring_buffer_size_bytes: sizeBytes()
    .refine((bytes) => bytes >= MIB && bytes <= 512 * MIB && Number.isInteger(Math.log2(bytes)), {
      message: "not a power of two from 1MiB to 512MiB",
    })
    .prefault("16MiB"),
  /** What is copied of each call while nothing is known about its socket. */
  capture_prefix_bytes: sizeBytes()
    .refine((bytes) => bytes >= 64 && bytes <= 4096, { message: "not from 64 to 4096" })
    .prefault(4096),
  /** OTLP Export calls of other programs. */
  trace_otlp_export: z.boolean().default(false),
  /** So long a span waits at most for its trace to be settled: what has left never changes. */
  settle: durationMs().prefault("5s"),
  /** Also writes the raw events there, payload included; gzipped when it ends in .gz. */
  record_to: z.string().min(1).optional(),
  /** Reads and writes of files, pipes and devices that take long. */
  io_events: z
    .strictObject({
      /** request: of processes that serve a request. */
      mode: ioEventsMode.prefault("off"),
      /** Shorter ones are not told. */
      threshold: durationMs().prefault("1ms"),
      max_per_request: z.int().positive().max(10_000).default(32),
      /** As child spans, or as events of the request's span. */
      as: z.enum(["spans", "span_events"]).default("spans"),
    })
    .prefault({}),
  /** Networks whose requests' trace context is believed: `private`, `all`, `none`, or address ranges. */
  trust_context: z.array(trustedNetwork).default(["private"]),
  /** Headers that name a trace or a request, first come first served; those that we can't read join what passes through. */
  context_headers: z.array(z.string().min(1)).default([...DEFAULT_CONTEXT_HEADERS]),
  /** join: no SERVER span where a library of the process makes one; skip: nor CLIENT spans; keep: all. */
  sdk_spans: z.enum(SdkSpans).default("join"),
  /** So many of the last spans `sockspan explain` can explain; 0: none. */
  explained_spans: z.int().min(0).max(1_000_000).default(4096),
  /** Headers whose values become attributes; all others stay where they are. */
  request_headers: z.array(z.string().min(1)).default([]),
  response_headers: z.array(z.string().min(1)).default([]),
  /** Looks at the first bytes of HTTP/1 bodies for the name of a JSON-RPC, GraphQL or SOAP call. */
  http_rpc: z.boolean().default(false),
  /** A span for each TCP connection whose protocol is not known, when it is over: peers, bytes, duration. */
  unknown_connections: z.boolean().default(false),
  /** Query parameters whose values are shown; all others are REDACTED. */
  url_query_parameters: z.array(z.string().min(1)).default([]),
});

export type SocketTraceConfig = z.output<typeof socketTraceConfig>;
export type ConnectionSelection = SocketTraceConfig["exclude"];
