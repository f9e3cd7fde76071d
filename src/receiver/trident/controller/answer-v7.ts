/** What an agent of the generation `agent` (6.6 and newer) is answered: its configuration as YAML. */
import { create, toBinary } from "@bufbuild/protobuf";
import { stringify } from "yaml";
import {
  AgentType,
  CidrType,
  DeviceType,
  FlowAclsSchema,
  GroupsSchema,
  type Interface,
  InterfaceSchema,
  PlatformDataSchema,
  Status,
  type SyncResponse,
  SyncResponseSchema,
} from "../../../trident/proto/agent.gen.ts";
import type { Agent } from "./agent-registry.ts";
import type { AgentAnswer } from "./answer.ts";

export function answerV7(answer: AgentAnswer): SyncResponse {
  return create(SyncResponseSchema, {
    status: Status.SUCCESS,
    userConfig: stringify(answer.config),
    revision: answer.revision,
    selfUpdateUrl: "grpc",
    versionPlatformData: answer.versions.platformData,
    versionAcls: answer.versions.acls,
    versionGroups: answer.versions.groups,
    platformData: answer.platformData ?? new Uint8Array(0),
    flowAcls: answer.hasOldAcls ? toBinary(FlowAclsSchema, create(FlowAclsSchema)) : new Uint8Array(0),
    groups: answer.hasOldGroups ? toBinary(GroupsSchema, create(GroupsSchema)) : new Uint8Array(0),
    dynamicConfig: {
      kubernetesApiEnabled: false,
      enabled: true,
      regionId: 1,
      podClusterId: 0,
      vpcId: answer.vpcId,
      agentId: answer.agentId,
      teamId: 1,
      organizeId: 1,
      agentType: answer.isInPod ? AgentType.TT_VM_POD : AgentType.TT_PHYSICAL_MACHINE,
      hostname: answer.hostname,
      groupId: answer.groupName,
    },
    customAppConfig: { version: 0n, configs: new Uint8Array(0) },
  });
}

export function failedV7(revision: string): SyncResponse {
  return create(SyncResponseSchema, { status: Status.FAILED, revision, selfUpdateUrl: "grpc" });
}

export function heartbeatV7(): SyncResponse {
  return create(SyncResponseSchema, { status: Status.HEARTBEAT });
}

/** All interfaces that agents have reported, in one VPC. */
export function platformDataV7(agents: Iterable<Agent>, vpcId: number): Uint8Array {
  const interfaces: Interface[] = [];
  for (const agent of agents) {
    for (const [mac, addresses] of agent.interfaces) {
      interfaces.push(
        create(InterfaceSchema, {
          id: interfaces.length + 1,
          deviceType: DeviceType.VM,
          epcId: vpcId,
          regionId: 1,
          mac,
          ipResources: addresses.map((address) => {
            const [ip = "", masklen] = address.split("/");
            return { ip, masklen: Number(masklen ?? 32), subnetId: 1 };
          }),
        }),
      );
    }
  }
  const cidrs = [{ prefix: "0.0.0.0/0", type: CidrType.WAN, epcId: 0 }];
  return toBinary(PlatformDataSchema, create(PlatformDataSchema, { interfaces, cidrs }));
}
