/** The `profile` receiver with its symbols and its links to spans. */
import type { ProfileConfig } from "../../ipc/profile-config.ts";
import type { Log } from "../../log.ts";
import { SpanLinker } from "../../mapping/profiles/span-linker.ts";
import { ProfileReceiver } from "../../receiver/profile/receiver.ts";
import { ThreadSymbolizer } from "../../receiver/symbols/thread-symbolizer.ts";
import type { HostContext } from "../receivers.ts";

export function createProfile(id: string, config: ProfileConfig, host: HostContext, log: Log): ProfileReceiver {
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
