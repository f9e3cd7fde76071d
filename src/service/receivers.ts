/** Receivers by type, and the trace engine behind socket_trace. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { BrokerConnection } from "../ipc/connect-to-broker.ts";
import type { Attachment, ProfileAttachment } from "../ipc/messages.ts";
import type { ProfileConfig } from "../ipc/profile-config.ts";
import type { SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import { trustedNetworks } from "../ipc/trusted-networks.ts";
import type { Log } from "../log.ts";
import { TraceEngine } from "../mapping/engine.ts";
import type { Explanation } from "../mapping/explain/explanation.ts";
import { ExplanationStore } from "../mapping/explain/explanation-store.ts";
import { ServedWork } from "../mapping/profiles/served-work.ts";
import { SpanLinker } from "../mapping/profiles/span-linker.ts";
import { PROTOCOLS, withHttpRpc } from "../mapping/protocols/registry.ts";
import { createHostProcesses, type HostProcesses } from "../receiver/host-processes.ts";
import type { HostFacts } from "../receiver/process-resource.ts";
import { ProfileReceiver } from "../receiver/profile/receiver.ts";
import type { Receiver } from "../receiver/receiver.ts";
import { SocketTraceReceiver } from "../receiver/socket-trace/receiver.ts";
import { ThreadSymbolizer } from "../receiver/symbols/thread-symbolizer.ts";
import { TridentReceiver } from "../receiver/trident/receiver.ts";
import type { TridentReceiverSettings } from "../receiver/trident/settings.ts";
import { profileOf, socketTraceOf } from "./captures-of.ts";
import type { ComponentConfig, Config } from "./config/config.ts";
import { ComponentMissingError } from "./error.ts";

const NS_PER_MS = 1_000_000;

export interface PreparedReceiver extends Receiver {
  /** All that needs code from disk or a privilege. */
  prepare(): Promise<void>;
  /** What runs in the kernel for it, once started. */
  readonly attachment?: Attachment | undefined;
  readonly profileAttachment?: ProfileAttachment | undefined;
}

export interface HostOptions {
  readonly connection: BrokerConnection;
  readonly config: Config;
  readonly log: Log;
  readonly version: string;
}

/** What the receivers of one worker share. */
export class HostContext {
  readonly connection: BrokerConnection;
  readonly facts: HostFacts;
  readonly processes: HostProcesses;
  /** Spans are made here too, so that samples may be linked to them. */
  readonly hasTraces: boolean;
  /** What the traced processes do when; undefined where nothing is sampled or nothing traced. */
  readonly work: ServedWork | undefined;
  #engine: TraceEngine | undefined;

  constructor({ connection, config, log, version }: HostOptions) {
    this.connection = connection;
    this.facts = { hostName: hostname(), bootId: connection.hello.bootId, version, ownCgroupPath: ownCgroupPath() };
    this.processes = createHostProcesses(connection.client, this.facts, log);
    this.hasTraces = socketTraceOf(config) !== undefined;
    this.work =
      this.hasTraces && profileOf(config) !== undefined
        ? new ServedWork((tgid) => this.#engine?.servesByThread(tgid) ?? false)
        : undefined;
  }

  /** The engine that makes the spans. */
  setEngine(engine: TraceEngine): TraceEngine {
    this.#engine = engine;
    return engine;
  }
}

/** @throws ComponentMissingError for a type that only the catalog knows */
export function createReceiver({ id, type, settings }: ComponentConfig, host: HostContext, log: Log): PreparedReceiver {
  if (type === "trident") {
    return new TridentReceiver(id, settings as TridentReceiverSettings, log, host.connection.hello.user);
  }
  if (type === "profile") return createProfile(id, settings as ProfileConfig, host, log);
  if (type !== "socket_trace") throw new ComponentMissingError("receiver", type);
  return createSocketTrace(id, settings as SocketTraceConfig, host, log);
}

function createProfile(id: string, config: ProfileConfig, host: HostContext, log: Log): ProfileReceiver {
  const { connection, processes, hasTraces, work } = host;
  const symbolizer = new ThreadSymbolizer({
    client: connection.client,
    log,
    nowMs: () => performance.now(),
    channelFd: connection.hello.threadChannels[1],
  });
  return new ProfileReceiver({
    id,
    connection,
    config,
    log,
    processes,
    feedsProcesses: !hasTraces,
    symbolizer,
    ...(work === undefined ? {} : { linker: new SpanLinker(work) }),
  });
}

function createSocketTrace(id: string, config: SocketTraceConfig, host: HostContext, log: Log): SocketTraceReceiver {
  const { connection, facts, processes, work } = host;
  const explanations = config.explained_spans === 0 ? undefined : new ExplanationStore(config.explained_spans);
  connection.client.onAsk(({ traceId }) => explanations?.ofTrace(traceId) ?? []);
  return new SocketTraceReceiver({
    id,
    connection,
    config,
    log,
    host: facts,
    processes,
    onDrained: (timestampNs) => work?.drained(timestampNs),
    framings: PROTOCOLS.flatMap(({ framing }) => framing ?? []),
    createEngine: ({ spans, verdict, ...input }) =>
      host.setEngine(
        new TraceEngine(
          {
            ...input,
            ...(work === undefined ? {} : { work }),
            ...(explanations === undefined ? {} : { explained: (each: Explanation) => explanations.add(each) }),
            settleNs: config.settle * NS_PER_MS,
            io: {
              as: config.io_events.as,
              keepsOrphans: config.io_events.mode === "all",
              maxPerRequest: config.io_events.max_per_request,
            },
            keepsOtlpExports: config.trace_otlp_export,
            trustsContextFrom: trustedNetworks(config.trust_context),
            contextHeaders: lowerCase(config.context_headers),
            sdkSpans: config.sdk_spans,
            ...(config.http_rpc ? { protocols: withHttpRpc(PROTOCOLS) } : {}),
            tellsUnknownConnections: config.unknown_connections,
            describe: {
              requestHeaders: lowerCase(config.request_headers),
              responseHeaders: lowerCase(config.response_headers),
              urlQueryParameters: config.url_query_parameters,
            },
          },
          { spans, verdict },
        ),
      ),
  });
}

function lowerCase(names: readonly string[]): string[] {
  return names.map((name) => name.toLowerCase());
}

function ownCgroupPath(): string | undefined {
  try {
    return /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
