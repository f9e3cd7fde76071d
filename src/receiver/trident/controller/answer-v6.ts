/** What an agent of the generation `trident` (6.5 and older) is answered: its configuration in fields of its own. */
import { create, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { stringify } from "yaml";
import { HONOURED_KEYS } from "../../../mapping/trident/config/config-keys.ts";
import { ConfigTreeReader } from "../../../mapping/trident/config/config-tree.ts";
import { TridentType } from "../../../trident/proto/common.gen.ts";
import {
  ConfigSchema,
  FlowAclsSchema,
  GroupsSchema,
  PlatformDataSchema,
  Status,
  type SyncResponse,
  SyncResponseSchema,
} from "../../../trident/proto/trident.gen.ts";
import type { Agent } from "./agent-registry.ts";
import type { AgentAnswer } from "./answer.ts";

export function answerV6(answer: AgentAnswer): SyncResponse {
  const config = fromJson(ConfigSchema, configFields(answer), { ignoreUnknownFields: true });
  config.enabled = true;
  config.vtapId = answer.agentId;
  config.epcId = answer.vpcId;
  config.regionId = 1;
  config.teamId = 1;
  config.organizeId = 1;
  config.host = answer.hostname;
  config.tridentType = answer.isInPod ? TridentType.TT_VM_POD : TridentType.TT_PHYSICAL_MACHINE;
  config.localConfig = localConfig(answer);
  return create(SyncResponseSchema, {
    status: Status.SUCCESS,
    config,
    revision: answer.revision,
    selfUpdateUrl: "grpc",
    versionPlatformData: answer.versions.platformData,
    versionAcls: answer.versions.acls,
    versionGroups: answer.versions.groups,
    platformData: answer.platformData ?? new Uint8Array(0),
    flowAcls: answer.hasOldAcls ? toBinary(FlowAclsSchema, create(FlowAclsSchema)) : new Uint8Array(0),
    groups: answer.hasOldGroups ? toBinary(GroupsSchema, create(GroupsSchema)) : new Uint8Array(0),
  });
}

export function failedV6(revision: string): SyncResponse {
  return create(SyncResponseSchema, { status: Status.FAILED, revision, selfUpdateUrl: "grpc" });
}

export function heartbeatV6(): SyncResponse {
  return create(SyncResponseSchema, { status: Status.HEARTBEAT });
}

export function platformDataV6(agents: Iterable<Agent>, vpcId: number): Uint8Array {
  const interfaces: {
    id: number;
    epcId: number;
    regionId: number;
    mac: bigint;
    vtapId: number;
    ipResources: { ip: string; masklen: number }[];
  }[] = [];
  for (const agent of agents) {
    for (const [mac, addresses] of agent.interfaces) {
      const ipResources = addresses.map((address) => {
        const [ip = "", masklen] = address.split("/");
        return { ip, masklen: Number(masklen ?? 32) };
      });
      interfaces.push({ id: interfaces.length + 1, epcId: vpcId, regionId: 1, mac, vtapId: agent.id, ipResources });
    }
  }
  return toBinary(PlatformDataSchema, create(PlatformDataSchema, { interfaces }));
}

/** The group's keys that have a field in Config. */
function configFields(answer: AgentAnswer): JsonObject {
  const reader = new ConfigTreeReader(answer.config);
  const fields: JsonObject = {};
  for (const { path, field } of HONOURED_KEYS) {
    if (field === undefined || field.startsWith("yaml:")) continue;
    const value = reader.value(path);
    if (value === undefined) continue;
    if (/_seconds$|_interval$/.test(field)) fields[field] = Math.round(reader.durationMs(path, 0, 0, 1e12) / 1000);
    else if (Array.isArray(value)) fields[field] = value.map(String).join(", ");
    else if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      fields[field] = value;
  }
  return fields;
}

/** The rest of what older agents take from a file of their own. */
function localConfig(answer: AgentAnswer): string {
  const reader = new ConfigTreeReader(answer.config);
  const tree: Record<string, unknown> = {};
  for (const { path, field } of HONOURED_KEYS) {
    const value = reader.value(path);
    if (value === undefined || !field?.startsWith("yaml:")) continue;
    const keys = field.slice("yaml:".length).split(".");
    let node = tree;
    for (const key of keys.slice(0, -1)) {
      const inner = (node[key] ?? {}) as Record<string, unknown>;
      node[key] = inner;
      node = inner;
    }
    node[keys.at(-1) ?? ""] = value;
  }
  return Object.keys(tree).length === 0 ? "" : stringify(tree);
}
