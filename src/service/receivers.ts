/** Receivers by type, and the trace engine behind socket_trace. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { BrokerConnection } from "../ipc/connect-to-broker.ts";
import type { Attachment } from "../ipc/messages.ts";
import type { SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import type { Log } from "../log.ts";
import { TraceEngine } from "../mapping/engine.ts";
import type { Receiver } from "../receiver/receiver.ts";
import { SocketTraceReceiver } from "../receiver/socket-trace/receiver.ts";
import { TridentReceiver } from "../receiver/trident/receiver.ts";
import type { TridentReceiverSettings } from "../receiver/trident/settings.ts";
import type { ComponentConfig } from "./config/config.ts";
import { ComponentMissingError } from "./error.ts";

const NS_PER_MS = 1_000_000;

export interface PreparedReceiver extends Receiver {
  /** All that needs code from disk or a privilege. */
  prepare(): Promise<void>;
  /** What runs in the kernel for it, once started. */
  readonly attachment?: Attachment | undefined;
}

export interface ReceiverContext {
  readonly connection: BrokerConnection;
  readonly log: Log;
  readonly version: string;
}

/** @throws ComponentMissingError for a type that only the catalog knows */
export function createReceiver({ id, type, settings }: ComponentConfig, context: ReceiverContext): PreparedReceiver {
  if (type === "trident") {
    const { user } = context.connection.hello;
    return new TridentReceiver(id, settings as TridentReceiverSettings, context.log, user);
  }
  if (type !== "socket_trace") throw new ComponentMissingError("receiver", type);
  return createSocketTrace(id, settings as SocketTraceConfig, context);
}

function createSocketTrace(
  id: string,
  config: SocketTraceConfig,
  { connection, log, version }: ReceiverContext,
): SocketTraceReceiver {
  return new SocketTraceReceiver({
    id,
    connection,
    config,
    log,
    host: { hostName: hostname(), bootId: connection.hello.bootId, version, ownCgroupPath: ownCgroupPath() },
    createEngine: ({ spans, verdict, ...facts }) =>
      new TraceEngine(
        {
          ...facts,
          settleNs: config.settle * NS_PER_MS,
          keepsOtlpExports: config.trace_otlp_export,
          describe: {
            requestHeaders: lowerCase(config.request_headers),
            responseHeaders: lowerCase(config.response_headers),
            urlQueryParameters: config.url_query_parameters,
          },
        },
        { spans, verdict },
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
