/** The broker's part of a configuration. */
import type { ProfileConfig } from "../ipc/profile-config.ts";
import type { SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import type { Config } from "./config/config.ts";

/** undefined: no pipeline captures. */
export function socketTraceOf(config: Config): SocketTraceConfig | undefined {
  return settingsOf(config, "socket_trace") as SocketTraceConfig | undefined;
}

/** undefined: no pipeline takes profiles of this host. */
export function profileOf(config: Config): ProfileConfig | undefined {
  return settingsOf(config, "profile") as ProfileConfig | undefined;
}

function settingsOf(config: Config, type: string): unknown {
  const used = config.pipelines.flatMap((pipeline) => pipeline.receivers);
  return used.map((id) => config.receivers.get(id)).find((each) => each?.type === type)?.settings;
}
