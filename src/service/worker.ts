/**
 * The worker process: parsers, exporters and pages, as an unprivileged user. The order matters: everything that needs
 * code from disk, a file or a privilege comes first, then the privileges go, and only then bytes of strangers come.
 */
import { readFileSync } from "node:fs";
import { SockspanError } from "../error.ts";
import { connectToBroker } from "../ipc/connect-to-broker.ts";
import { dropPrivileges } from "../ipc/drop-privileges.ts";
import { collectStartUpGarbage } from "../start-up-garbage.ts";
import { catalog } from "./catalog.ts";
import { explainOpenFiles } from "./command-line/open-files-limit.ts";
import type { Config } from "./config/config.ts";
import { fromPlain } from "./config/located.ts";
import { ConfigInvalidError } from "./config/problem.ts";
import { validate } from "./config/validate.ts";
import { Logger } from "./log.ts";
import { sudoUser } from "./sudo-user.ts";
import { setThreadFlags } from "./v8-settings.ts";
import { WorkerHost } from "./worker-host.ts";
import { type FailedEvent, WorkerEvent, type WorkerSettings } from "./worker-settings.ts";

const log = new Logger({
  level: "info",
  encoding: "console",
  write: (line) => process.stderr.write(line),
  now: () => new Date(),
});

setThreadFlags();
// Node's own words would be lines of no encoding; of what is deprecated its users can't do anything about it.
process.removeAllListeners("warning");
process.on("warning", ({ name, message }) => log[name === "DeprecationWarning" ? "debug" : "warn"](message, { name }));
// A reader or a terminal that is gone does not end the capture; who writes hears of it by the write itself.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
const connection = await connectToBroker();
const { client, hello } = connection;

try {
  const settings = hello.settings as WorkerSettings;
  const config = checkAgain(settings.source);
  log.configure(config.telemetry.logs);
  const host = await WorkerHost.build({ config, settings, connection, log, owner: sudoUser(process.env) });
  client.onShutdown(() => {
    host.shutdown(settings.drainTimeoutMs).finally(() => process.exit(0));
  });
  await host.prepare();
  dropPrivileges(hello.user, hello.brokerPid);
  log.debug("running as", { uid: process.getuid?.(), capabilities: effectiveCapabilities() });
  await host.start();
  collectStartUpGarbage();
} catch (error) {
  client.emit(WorkerEvent.failed, failure(error));
  // The message must be out before the process ends.
  setTimeout(() => process.exit(1), 100);
}

/** The same checks as in the broker's process, which found it right. */
function checkAgain(source: unknown): Config {
  const position = { source: "configuration", line: undefined, column: undefined };
  const { config, problems } = validate(fromPlain(source, position), catalog);
  if (config === undefined) throw new ConfigInvalidError(problems);
  return config;
}

function failure(thrown: unknown): FailedEvent {
  const error = explainOpenFiles(thrown);
  if (error instanceof SockspanError) return { code: error.code, message: error.message, advice: error.advice };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "WORKER_FAILED", message, advice: "Report it, with the log above." };
}

function effectiveCapabilities(): string | undefined {
  return /^CapEff:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
}
