/** A main for tests: a broker with the test worker; each event is a line of JSON on stdout. SIGTERM ends it. */
import { fileURLToPath } from "node:url";
import { startBroker } from "../../../src/broker/broker.ts";
import { socketTraceConfig } from "../../../src/ipc/socket-trace-config.ts";
import type { Log } from "../../../src/log.ts";

const settings: unknown = JSON.parse(process.argv[2] ?? "{}");

function say(name: string, value: unknown): void {
  process.stdout.write(`${JSON.stringify({ name, value })}\n`);
}

const logLine = (message: string): void => say("log", message);
const log: Log = { debug: logLine, info: logLine, warn: logLine, error: logLine };

const broker = await startBroker({
  objectPath: fileURLToPath(new URL("../../../bpf/socket_trace.bpf.o", import.meta.url)),
  profilerPath: "",
  profile: undefined,
  socketTrace: socketTraceConfig.parse(settings),
  workerEntry: fileURLToPath(new URL("./worker.js", import.meta.url)),
  workerSettings: settings,
  user: "nobody",
  files: [],
  log,
  onWorkerEvent: say,
});
say("worker", broker.workerPid);
process.once("SIGTERM", () => void broker.stop(5000));
const exit = await broker.workerExit;
say("exit", exit);
