/** Who this agent is: found once, at the start. */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { arch, cpus, hostname, networkInterfaces, release, totalmem } from "node:os";
import { SCOPE_VERSION } from "../../mapping/otlp/scope.ts";
import type { ControllerAddress } from "./controller-list.ts";
import type { TridentAgentSettings } from "./settings.ts";

export interface Identity {
  readonly ctrlIp: string;
  readonly ctrlMac: string;
  readonly host: string;
  readonly hostIps: readonly string[];
  readonly teamId: string;
  readonly groupId: string;
  readonly processName: string;
  readonly revision: string;
  readonly bootTimeS: number;
  readonly cpuCount: number;
  readonly memoryBytes: bigint;
  readonly arch: string;
  readonly os: string;
  readonly kernelVersion: string;
  readonly kubernetesClusterId: string;
  readonly kubernetesClusterName: string;
}

const PROCESS_NAMES = { agent: "deepflow-agent-ce", trident: "trident" } as const;
/** As the kernel and not as Node names them. */
const ARCHES: ReadonlyMap<string, string> = new Map([
  ["x64", "x86_64"],
  ["arm64", "aarch64"],
]);

export async function findIdentity(settings: TridentAgentSettings, controller: ControllerAddress): Promise<Identity> {
  const ctrlIp = settings.ctrl_ip ?? (await addressTowards(controller));
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  // The loopback device has no MAC; any other of the host tells it apart.
  const named = interfaces.filter(({ mac }) => mac !== "00:00:00:00:00:00");
  const mac = named.find(({ address }) => address === ctrlIp)?.mac ?? named[0]?.mac;
  return {
    ctrlIp,
    ctrlMac: settings.ctrl_mac ?? mac ?? "00:00:00:00:00:00",
    host: hostname(),
    hostIps: interfaces
      .filter(({ internal, address }) => !internal && !/^(?:fe80|169\.254\.)/.test(address))
      .map(({ address }) => address),
    teamId: settings.team_id,
    groupId: settings.group_id,
    processName: settings.process_name ?? PROCESS_NAMES[settings.generation],
    revision: settings.revision ?? `main 0-sockspan-${SCOPE_VERSION}`,
    bootTimeS: Math.floor(Date.now() / 1000),
    cpuCount: cpus().length,
    memoryBytes: BigInt(totalmem()),
    arch: ARCHES.get(arch()) ?? arch(),
    os: osName(),
    kernelVersion: release(),
    kubernetesClusterId: settings.kubernetes_cluster_id,
    kubernetesClusterName: settings.kubernetes_cluster_name,
  };
}

/** A connected datagram socket knows its own address; nothing is sent. */
function addressTowards({ host, port }: ControllerAddress): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    const finish = (address: string): void => {
      socket.close();
      resolve(address);
    };
    socket.on("error", () => finish("127.0.0.1"));
    socket.connect(port, host, () => finish(socket.address().address));
  });
}

function osName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  } catch {
    return "Linux";
  }
}
