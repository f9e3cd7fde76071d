/** The broker's part of a configuration. */
import type { SocketTraceConfig } from "../ipc/socket-trace-config.ts";
import type { Config } from "./config/config.ts";

/** undefined: no pipeline captures. */
export function socketTraceOf(config: Config): SocketTraceConfig | undefined {
  const used = config.pipelines.flatMap((pipeline) => pipeline.receivers);
  const receiver = used.map((id) => config.receivers.get(id)).find((each) => each?.type === "socket_trace");
  return receiver?.settings as SocketTraceConfig | undefined;
}
