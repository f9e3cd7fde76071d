/** A worker for tests: the real receiver, with an engine that only counts and reports what it is given. */
import { readFileSync } from "node:fs";
import { connectToBroker } from "../../../src/ipc/connect-to-broker.ts";
import { dropPrivileges } from "../../../src/ipc/drop-privileges.ts";
import { socketTraceConfig } from "../../../src/ipc/socket-trace-config.ts";
import type { Log } from "../../../src/log.ts";
import { StageAccount } from "../../../src/mapping/account.ts";
import { createHostProcesses } from "../../../src/receiver/host-processes.ts";
import { SocketTraceReceiver } from "../../../src/receiver/socket-trace/receiver.ts";

const connection = await connectToBroker();
const { client, hello } = connection;
const log: Log = { debug: report, info: report, warn: report, error: report };

function report(message: string): void {
  client.emit("log", message);
}

const host = { hostName: "test", bootId: hello.bootId, version: "0", ownCgroupPath: undefined };
const receiver = new SocketTraceReceiver({
  id: "socket_trace",
  connection,
  config: socketTraceConfig.parse(hello.settings),
  host,
  keepsRecording: false,
  processes: createHostProcesses(client, host, log),
  log,
  framings: [],
  createEngine: (input) => ({
    accounts: [new StageAccount("engine", "event")],
    socketData: (event, bytes) => {
      client.emit("data", {
        tgid: event.header.tgid,
        direction: event.direction,
        role: event.role,
        callLength: event.callLength,
        localPort: event.tuple.localPort,
        remotePort: event.tuple.remotePort,
        text: Buffer.from(bytes).toString("latin1").slice(0, 200),
        serviceName: input.resourceOf(event.header.tgid)?.attributes.find(([key]) => key === "service.name")?.[1],
      });
    },
    socketState: () => {},
    io: () => {},
    process: () => {},
    wake: () => {},
    handover: () => {},
    streamCall: () => {},
    unitEdge: () => {},
    advance: () => {},
    interrupted: () => {},
    flush: () => {},
  }),
});

await receiver.prepare();
dropPrivileges(hello.user, hello.brokerPid);
client.onShutdown(() => {
  void receiver.shutdown(10_000).then(() => {
    client.emit(
      "accounts",
      receiver.accounts.map(({ stage, in: entered, out, held }) => ({ stage, entered, out, held })),
    );
    setImmediate(() => process.exit(0));
  });
});
if (hello.capture !== undefined) await receiver.start(() => {});
client.emit("ready", {
  status: readFileSync("/proc/self/status", "utf8")
    .split("\n")
    .filter((line) => /^(Uid|Gid|Groups|CapEff|CapPrm):/.test(line)),
});
