/** Network namespaces joined by veth pairs: a client, a router that rewrites addresses, a server. */
import { execFileSync } from "node:child_process";
import type { Scratch } from "./scratch.ts";

export interface NatNetwork {
  /** Prefixes that run a command in the namespace. */
  readonly client: readonly string[];
  readonly server: readonly string[];
  /** What the client asks; nothing listens there. */
  readonly virtualAddress: string;
  readonly virtualPort: number;
  /** Where the router sends it. */
  readonly serverAddress: string;
  readonly serverPort: number;
}

function run(command: string): void {
  const [program = "", ...args] = command.split(" ");
  execFileSync(program, args, { stdio: "pipe" });
}

export function createNatNetwork(scratch: Scratch): NatNetwork {
  const [client, router, server] = ["c", "r", "s"].map((end) => `sspan-${end}-${process.pid}`) as [
    string,
    string,
    string,
  ];
  const network = { virtualAddress: "10.213.1.1", virtualPort: 8080, serverAddress: "10.213.2.2", serverPort: 8081 };
  for (const namespace of [client, router, server]) {
    run(`ip netns add ${namespace}`);
    scratch.defer(async () => run(`ip netns del ${namespace}`));
    run(`ip -n ${namespace} link set lo up`);
  }
  for (const [namespace, subnet] of [
    [client, "10.213.1"],
    [server, "10.213.2"],
  ] as const) {
    const end = namespace === client ? "c" : "s";
    run(`ip -n ${router} link add to-${end} type veth peer name eth0 netns ${namespace}`);
    run(`ip -n ${router} addr add ${subnet}.1/24 dev to-${end}`);
    run(`ip -n ${namespace} addr add ${subnet}.2/24 dev eth0`);
    run(`ip -n ${router} link set to-${end} up`);
    run(`ip -n ${namespace} link set eth0 up`);
    run(`ip -n ${namespace} route add default via ${subnet}.1`);
  }
  const inRouter = `ip netns exec ${router}`;
  run(`${inRouter} sysctl -q -w net.ipv4.ip_forward=1`);
  run(
    `${inRouter} iptables -t nat -A PREROUTING -p tcp -d ${network.virtualAddress} --dport ${network.virtualPort} -j DNAT --to-destination ${network.serverAddress}:${network.serverPort}`,
  );
  // The server sees the router as its client: neither end knows the other's address.
  run(`${inRouter} iptables -t nat -A POSTROUTING -o to-s -j MASQUERADE`);
  return { ...network, client: ["ip", "netns", "exec", client], server: ["ip", "netns", "exec", server] };
}
