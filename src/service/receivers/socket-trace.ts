/** The `socket_trace` receiver with the trace engine behind it. */
import type { SocketTraceConfig } from "../../ipc/socket-trace-config.ts";
import type { Log } from "../../log.ts";
import { TraceEngine } from "../../mapping/engine.ts";
import { ExplanationStore } from "../../mapping/explain/explanation-store.ts";
import { PROTOCOLS } from "../../mapping/protocols/registry.ts";
import { isControlSocket } from "../../receiver/socket-trace/control-sockets.ts";
import { SocketTraceReceiver } from "../../receiver/socket-trace/receiver.ts";
import { engineSettings } from "../engine-settings.ts";
import type { HostContext } from "../receivers.ts";
import { type FailedEvent, WorkerEvent } from "../worker-settings.ts";

export function createSocketTrace(
  id: string,
  config: SocketTraceConfig,
  host: HostContext,
  log: Log,
): SocketTraceReceiver {
  const { connection, facts, processes, work, keptFiles, selfTestPids, answers } = host;
  const explanations = config.explained_spans === 0 ? undefined : new ExplanationStore(config.explained_spans);
  answers.set("explain", ({ traceId }) => explanations?.ofTrace(traceId) ?? []);
  return new SocketTraceReceiver({
    id,
    connection,
    config,
    log,
    host: facts,
    onRecordingFailed: ({ code, message, advice }) =>
      connection.client.emit(WorkerEvent.recordingFailed, { code, message, advice } satisfies FailedEvent),
    keepsRecording: config.record_to !== undefined && keptFiles.includes(config.record_to),
    selfTestPids,
    processes,
    onDrained: (timestampNs) => work?.drained(timestampNs),
    framings: PROTOCOLS.flatMap(({ framing }) => framing ?? []),
    createEngine: ({ spans, verdict, ...input }) =>
      host.setEngine(
        new TraceEngine(
          {
            ...input,
            ...(work === undefined ? {} : { work }),
            ...(explanations === undefined ? {} : { left: explanations.add.bind(explanations) }),
            ...engineSettings(config),
            isExcluded: isControlSocket,
            keepsOtlpExports: config.trace_otlp_export,
            areThreadsUnits: (tgid) => processes.runtimes.areThreadsUnits(tgid),
            watch: (tgid, what, isOn) => processes.runtimes.watch(tgid, what, isOn),
          },
          { spans, verdict },
        ),
      ),
  });
}
