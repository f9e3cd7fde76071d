/** What the configuration of a `socket_trace` receiver means for the engine: live, and of what is replayed. */
import type { SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import { trustedNetworks } from "../ipc/trusted-networks.ts";
import type { EngineOptions } from "../mapping/engine-options.ts";
import { PROTOCOLS, withHttpRpc } from "../mapping/protocols/registry.ts";

const NS_PER_MS = 1_000_000;

export function engineSettings(config: SocketTraceConfig) {
  return {
    settleNs: config.settle * NS_PER_MS,
    io: {
      as: config.io_events.as,
      keepsOrphans: config.io_events.mode === "all",
      maxPerRequest: config.io_events.max_per_request,
    },
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
  } satisfies Partial<EngineOptions>;
}

function lowerCase(names: readonly string[]): string[] {
  return names.map((name) => name.toLowerCase());
}
