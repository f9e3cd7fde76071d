import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { TridentAgent } from "../../../src/extension/trident/agent.ts";
import type { RemoteAnswer, RemoteRequest } from "../../../src/extension/trident/messages.ts";
import { answerRemote } from "../../../src/extension/trident/remote-execute.ts";
import { tridentAgentSettings } from "../../../src/extension/trident/settings.ts";
import { emptyRow } from "../../../src/mapping/trident/rows/l7-row.ts";
import { Controller } from "../../../src/receiver/trident/controller/controller.ts";
import { tridentReceiverSettings } from "../../../src/receiver/trident/settings.ts";
import { agentLink } from "../../../src/trident/agent-link.ts";
import { eventually } from "../../support/eventually.ts";
import { RecordingLog } from "../../support/recording-log.ts";

const log = new RecordingLog();
let unique = 0;

describe("agent role against controller role", () => {
  let folder: string;
  let groups: string;
  const running: { shutdown(): Promise<void> }[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sockspan-trident-"));
    groups = join(folder, "groups");
    mkdirSync(groups);
  });

  afterEach(async () => {
    for (const part of running.splice(0).reverse()) await part.shutdown();
    rmSync(folder, { recursive: true, force: true });
  });

  function group(text: string, name = "default"): void {
    writeFileSync(join(groups, `${name}.yaml`), text);
  }

  async function controller(settings: object = {}, endpoint = "127.0.0.1:0"): Promise<Controller> {
    const parsed = tridentReceiverSettings.parse({
      controller: {
        endpoint,
        groups_directory: groups,
        storage_directory: folder,
        heartbeat_interval: "50ms",
        reload_interval: "20ms",
        advertise_ingester: "127.0.0.1:20033",
        ...settings,
      },
    });
    const made = new Controller(parsed.controller!, undefined, log, () => performance.now());
    await made.start();
    running.push(made);
    return made;
  }

  async function agent(port: number | undefined, settings: object = {}): Promise<TridentAgent> {
    const made = new TridentAgent(
      `trident/test${unique++}`,
      tridentAgentSettings.parse({
        controllers: [`127.0.0.1:${port}`],
        retry_interval: "50ms",
        push_reconnect_interval: "50ms",
        ...settings,
      }),
      log,
      () => performance.now(),
    );
    await made.start();
    running.push(made);
    return made;
  }

  for (const generation of ["agent", "trident"] as const) {
    describe(`generation ${generation}`, () => {
      it("registers, takes its group's configuration and a change of it by push", async () => {
        group("outputs: { flow_log: { throttles: { l7_throttle: 11 } } }\n", "web");
        const server = await controller();
        const client = await agent(server.port, { generation, group_id: "web" });
        const link = agentLink(client.id);
        await eventually(() => link.directives.agentId === 1);
        assert.equal(link.directives.maxRowsPerSecond, 11);
        assert.equal(link.directives.isEnabled, true);
        assert.equal(link.directives.vpcId, 1);
        assert.deepEqual(link.directives.ingester, { host: "127.0.0.1", port: 20033 });
        await eventually(() => client.pushes > 1);
        group("outputs: { flow_log: { throttles: { l7_throttle: 22 } } }\n# longer\n", "web");
        await eventually(() => link.directives.maxRowsPerSecond === 22);
        assert.equal(client.syncs, 1);
        await eventually(() => server.core.account.consumed.has("GenesisSync"));
      });

      it("asks what cluster it is in, by the MD5 of the CA's certificate", async () => {
        const caFile = join(folder, "ca.crt");
        writeFileSync(caFile, "a certificate");
        const server = await controller();
        const client = await agent(server.port, { generation, kubernetes_ca_file: caFile });
        await eventually(() => client.kubernetesClusterId !== "");
        assert.equal(client.kubernetesClusterId, server.core.clusterId("f1a1f0b6dea98f9dda6fa740ea8e0c2c"));
      });

      it("reports connections with their processes and gives rows the controller's ids of them", async () => {
        group("inputs: { proc: { socket_info_sync_interval: 1s } }\n");
        const server = await controller();
        const client = await agent(server.port, { generation });
        const { connections } = agentLink(client.id);
        await eventually(() => connections.isWanted);
        const row = { ...emptyRow(), ip0: 1, ip1: 2, port0: 40_000, port1: 80, transport: 6, processId1: 77 };
        connections.note(row);
        assert.equal(row.gpid1, 0);
        await eventually(() => {
          connections.note(row);
          return row.gpid1 !== 0;
        });
        assert.equal(row.gpid0, 0);
        // The other end is another agent's.
        const other = { isUdp: false, clientIp: 1, clientPort: 40_000, clientProcess: 5 };
        const [seen] = server.core.processIds.report(99, [{ ...other, serverIp: 2, serverPort: 80, serverProcess: 0 }]);
        assert.equal(seen?.serverProcess, row.gpid1);
        await eventually(() => {
          connections.note(row);
          return row.gpid0 === seen?.clientProcess;
        });
      });

      it("keeps its id, at a new controller too", async () => {
        const first = await controller();
        const port = first.port;
        const one = await agent(port, { generation, ctrl_mac: "02:00:00:00:00:01" });
        const two = await agent(port, { generation, ctrl_mac: "02:00:00:00:00:02" });
        await eventually(() => one.state.isRegistered && two.state.isRegistered);
        const ids = [one.state.dynamic.agentId, two.state.dynamic.agentId];
        assert.deepEqual([...ids].sort(), [1, 2]);
        for (const part of running.splice(0).reverse()) await part.shutdown();
        const second = await controller();
        const again = await agent(second.port, { generation, ctrl_mac: "02:00:00:00:00:02" });
        await eventually(() => again.state.isRegistered);
        assert.equal(again.state.dynamic.agentId, ids[1]);
      });

      it("refuses a wrong configuration, says so, and keeps the one before", async () => {
        group("outputs: { flow_log: { throttles: { l7_throttle: 11 } } }\n");
        const server = await controller();
        const client = await agent(server.port, { generation });
        const link = agentLink(client.id);
        await eventually(() => link.directives.maxRowsPerSecond === 11 && client.pushes > 0);
        // A port list is text in both generations, so it goes through either message as it is.
        group('inputs: { ebpf: { socket: { kprobe: { blacklist: { ports: "99999" } } } } }\n');
        await eventually(() => client.state.report.exception !== 0n);
        assert.equal(client.state.report.isConfigAccepted, false);
        assert.equal(client.state.report.exception & 256n, 256n);
        assert.equal(link.directives.maxRowsPerSecond, 11);
        group("outputs: { flow_log: { throttles: { l7_throttle: 12 } } }\n");
        await eventually(() => link.directives.maxRowsPerSecond === 12);
        assert.equal(client.state.report.exception, 0n);
      });

      it("receives an upgrade, checks it and hands it to the operator's command", async () => {
        const packageFile = join(folder, "package.bin");
        const content = Buffer.alloc(600_092, 7);
        writeFileSync(packageFile, content);
        const server = await controller({ upgrade: { revision: "99-abc", file: packageFile } });
        const copy = join(folder, "copy.bin");
        await agent(server.port, {
          generation,
          upgrade: {
            command: ["/bin/sh", "-c", `cp "$0" ${copy}.new && mv ${copy}.new ${copy}`],
            directory: join(folder, "in"),
          },
        });
        await eventually(() => existing(copy) !== undefined);
        assert.ok(content.equals(existing(copy)!));
      });
    });
  }

  function existing(path: string): Buffer | undefined {
    try {
      return readFileSync(path);
    } catch {
      return undefined;
    }
  }

  it("goes on with the last good configuration when no controller is there, and stops after max_escape_duration", async () => {
    group("global: { communication: { max_escape_duration: 1s, ingester_ip: 10.1.1.1 } }\n");
    const server = await controller();
    const storage = { storage_directory: join(folder, "agent") };
    const first = await agent(server.port, storage);
    await eventually(() => agentLink(first.id).directives.isEnabled);
    for (const part of running.splice(0).reverse()) await part.shutdown();
    const second = await agent(server.port, storage);
    const link = agentLink(second.id);
    assert.equal(link.directives.isEnabled, true);
    assert.equal(link.directives.agentId, 1);
    assert.equal(link.directives.ingester?.host, "10.1.1.1");
    await eventually(() => !link.directives.isEnabled);
    assert.equal(second.state.hasEscaped, true);
    await controller({}, `127.0.0.1:${server.port}`);
    await eventually(() => link.directives.isEnabled);
  }).timeout(20_000);

  it("tries the next controller when one is away", async () => {
    const server = await controller();
    const client = await agent(1, { controllers: ["127.0.0.1:1", `127.0.0.1:${server.port}`], timeout: "500ms" });
    await eventually(() => client.state.isRegistered);
  });

  it("corrects times by Query only beyond min_drift", async () => {
    group("global: { ntp: { enabled: true, min_drift: 0s }, communication: { proactive_request_interval: 1s } }\n");
    const server = await controller();
    server.core.ntp = shifted(server.core.ntp.bind(server.core), 3600);
    const client = await agent(server.port);
    const link = agentLink(client.id);
    await eventually(() => link.directives.clockOffsetNs > 3_500_000_000_000n);
    group("global: { ntp: { enabled: true, min_drift: 2h }, communication: { proactive_request_interval: 1s } }\n");
    await eventually(() => link.directives.clockOffsetNs === 0n);
  }).timeout(20_000);

  it("answers RemoteExecute only when it is on, reads its files and runs nothing", async () => {
    const server = await controller();
    const client = await agent(server.port, { remote_execute: true });
    await eventually(() => server.core.account.consumed.has("RemoteExecute"));
    const other = await agent(server.port, { ctrl_mac: "02:00:00:00:00:09" });
    await eventually(() => other.state.isRegistered && other.pushes > 0);
    assert.equal(server.core.account.consumed.get("RemoteExecute"), 1);
    assert.ok(client.state.isRegistered);
  });

  it("stays with the configured controller when the one that it is sent to can't be reached", async () => {
    group("global: { communication: { proxy_controller_ip: 127.0.0.1, proxy_controller_port: 1 } }\n");
    const server = await controller();
    const client = await agent(server.port);
    await eventually(() => client.pushes > 0);
    assert.equal(client.state.report.isConfigAccepted, true);
  });

  it("holds on when its Push is cut again and again", async () => {
    group("outputs: { flow_log: { throttles: { l7_throttle: 0 } } }\n");
    const server = await controller({ heartbeat_interval: "1h" });
    const client = await agent(server.port);
    const link = agentLink(client.id);
    for (let round = 1; round <= 5; round++) {
      await eventually(() => server.core.streams.size === 1);
      for (const stream of server.core.streams) stream.end();
      await eventually(() => server.core.streams.size === 0);
      group(`outputs: { flow_log: { throttles: { l7_throttle: ${round} } } }\n# ${"x".repeat(round)}\n`);
      await eventually(() => link.directives.maxRowsPerSecond === round);
    }
    assert.equal(client.syncs, 1);
  });

  it("tells agents the address that they came by when it listens on all", async () => {
    const server = await controller({ advertise_ingester: "0.0.0.0:20033" }, "0.0.0.0:0");
    const client = await agent(server.port);
    await eventually(() => client.state.isRegistered);
    assert.deepEqual(agentLink(client.id).directives.ingester, { host: "127.0.0.1", port: 20033 });
    assert.equal(client.state.config?.proxyControllerHost, "127.0.0.1");
    assert.equal(client.state.config?.proxyControllerPort, server.port);
  });

  it("lets one peer call only so often", async () => {
    const server = await controller({ max_calls_per_second_per_peer: 2 });
    assert.deepEqual(
      [1, 2, 3].map((port) => server.core.admit(`10.0.0.1:${port}`)),
      [true, true, false],
    );
    assert.equal(server.core.admit("10.0.0.2:1"), true);
    assert.equal(server.core.account.lost.get("peer_rate"), 1);
  });

  it("refuses more agents than it may have", async () => {
    const server = await controller({ max_agents: 1 });
    const one = await agent(server.port, { ctrl_mac: "02:00:00:00:00:01" });
    await eventually(() => one.state.isRegistered);
    const two = await agent(server.port, { ctrl_mac: "02:00:00:00:00:02" });
    await eventually(() => two.syncs > 1);
    assert.equal(two.state.isRegistered, false);
  });

  it("keeps a broken group file's last good content", async () => {
    group("outputs: { flow_log: { throttles: { l7_throttle: 11 } } }\n");
    const server = await controller();
    group("outputs: [unclosed\n");
    await eventually(() => log.records.some(({ message }) => /the one before stays/.test(message)));
    const client = await agent(server.port);
    await eventually(() => agentLink(client.id).directives.maxRowsPerSecond === 11);
  });
});

describe("RemoteExecute", () => {
  const ask = (kind: RemoteRequest["kind"], command = ""): RemoteAnswer | undefined =>
    answerRemote({ requestId: 7n, kind, command });

  it("lists its files and reads them", () => {
    const commands = ask("list_command")?.commands ?? [];
    assert.ok(commands.some(({ ident }) => ident === "cat /proc/loadavg"));
    assert.match(Buffer.from(ask("run_command", "cat /proc/version")?.output ?? []).toString(), /^Linux version/);
  });

  it("refuses everything else with words", () => {
    for (const command of ["sh", "cat /etc/shadow", "cat /proc/../etc/shadow", "-1", "99", ""]) {
      const answer = ask("run_command", command);
      assert.match(answer?.error ?? "", /runs no commands/);
      assert.equal(answer?.output, undefined);
    }
    assert.match(ask("list_namespace")?.error ?? "", /no namespaces/);
    assert.ok(ask("other")?.error);
    assert.equal(ask(undefined), undefined);
  });
});

/** A controller whose clock is ahead by so many seconds. */
function shifted(ntp: (request: Uint8Array) => Uint8Array, seconds: number): (request: Uint8Array) => Uint8Array {
  return (request) => {
    const packet = ntp(request);
    const view = new DataView(packet.buffer, packet.byteOffset);
    for (const at of [32, 40]) view.setUint32(at, view.getUint32(at) + seconds);
    return packet;
  };
}
