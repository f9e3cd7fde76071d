/** What a controller tells one agent, before it is put into the message of its generation. */
import type { ConfigTree } from "../../../mapping/trident/config/config-tree.ts";
import { isTree } from "../../../mapping/trident/config/config-tree.ts";

export interface AgentAnswer {
  readonly agentId: number;
  readonly hostname: string;
  readonly groupName: string;
  readonly vpcId: number;
  readonly config: ConfigTree;
  /** Empty: no upgrade. */
  readonly revision: string;
  readonly versions: { readonly platformData: bigint; readonly acls: bigint; readonly groups: bigint };
  /** undefined: the agent has this version. */
  readonly platformData: Uint8Array | undefined;
  readonly hasOldAcls: boolean;
  readonly hasOldGroups: boolean;
  readonly isInPod: boolean;
}

export interface Addresses {
  readonly controller: { readonly host: string; readonly port: number };
  readonly ingester: { readonly host: string; readonly port: number } | undefined;
}

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::", "*"]);

/** An address that means "any" is told as the one that the agent has come by. */
export function reachable(addresses: Addresses, authority: string): Addresses {
  const host = authority.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  const named = <T extends { readonly host: string }>(address: T): T =>
    host !== "" && WILDCARDS.has(address.host) ? { ...address, host } : address;
  return {
    controller: named(addresses.controller),
    ingester: addresses.ingester === undefined ? undefined : named(addresses.ingester),
  };
}

/** The group's tree with the addresses that it leaves out; an agent without them goes elsewhere after its first Sync. */
export function withAddresses(tree: ConfigTree, { controller, ingester }: Addresses): ConfigTree {
  const global = isTree(tree["global"]) ? tree["global"] : {};
  const communication = isTree(global["communication"]) ? global["communication"] : {};
  return {
    ...tree,
    global: {
      ...global,
      communication: {
        proxy_controller_ip: controller.host,
        proxy_controller_port: controller.port,
        ...(ingester === undefined ? {} : { ingester_ip: ingester.host, ingester_port: ingester.port }),
        ...communication,
      },
    },
  };
}
