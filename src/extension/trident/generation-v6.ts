/** package trident: DeepFlow 6.5 and older. */

import { create, isFieldSet, type Message, toJson } from "@bufbuild/protobuf";
import { parse } from "yaml";
import { messageOf } from "../../error.ts";
import { isTree } from "../../mapping/trident/config/config-tree.ts";
import { treeOfV6Config } from "../../mapping/trident/config/config-v6.ts";
import { fromGpidEntry, toGpidEntry } from "../../trident/gpid-entry.ts";
import { TridentType } from "../../trident/proto/common.gen.ts";
import * as pb from "../../trident/proto/trident.gen.ts";
import type { Generation } from "./generation.ts";
import type { Identity } from "./identity.ts";
import type { ControllerAnswer, GenesisFacts, RemoteAnswer, RemoteRequest, SyncReport } from "./messages.ts";

const MAX_ALIASES = 100;
const service = pb.Synchronizer.method;

const STATUSES: ReadonlyMap<number, ControllerAnswer["status"]> = new Map([
  [pb.Status.SUCCESS, "success"],
  [pb.Status.FAILED, "failed"],
  [pb.Status.HEARTBEAT, "heartbeat"],
  [pb.Status.CLUSTER_ID_NOT_FOUND, "cluster_id_not_found"],
]);

export const generationV6: Generation = {
  methods: {
    sync: service.sync,
    push: service.push,
    query: service.query,
    upgrade: service.upgrade,
    genesisSync: service.genesisSync,
    kubernetesApiSync: service.kubernetesAPISync,
    remoteExecute: service.remoteExecute,
    getKubernetesClusterId: service.getKubernetesClusterID,
    gpidSync: service.gPIDSync,
    prometheusApiSync: service.prometheusAPISync,
  },
  sync: (identity, report) => create(pb.SyncRequestSchema, syncFields(identity, report)),
  answer: (message) => toAnswer(message as pb.SyncResponse),
  query: (identity, request) => create(pb.NtpRequestSchema, { ctrlIp: identity.ctrlIp, request }),
  queryAnswer: (message) => (message as pb.NtpResponse).response,
  upgrade: ({ ctrlIp, ctrlMac, teamId }) => create(pb.UpgradeRequestSchema, { ctrlIp, ctrlMac, teamId }),
  upgradePart: (message) => {
    const { status, content, md5, totalLen, pktCount, k8sImage } = message as pb.UpgradeResponse;
    return { isFailed: status !== pb.Status.SUCCESS, content, md5, totalBytes: totalLen, pieces: pktCount, k8sImage };
  },
  genesis,
  genesisVersion: (message) => (message as pb.GenesisSyncResponse).version,
  kubernetes: (identity, vtapId, version) =>
    create(pb.KubernetesAPISyncRequestSchema, {
      clusterId: identity.kubernetesClusterId,
      version,
      vtapId,
      sourceIp: identity.ctrlIp,
      teamId: identity.teamId,
    }),
  prometheus: (identity, vtapId, version) =>
    create(pb.PrometheusAPISyncRequestSchema, {
      clusterId: identity.kubernetesClusterId,
      version,
      vtapId,
      sourceIp: identity.ctrlIp,
      teamId: identity.teamId,
    }),
  clusterId: ({ teamId, kubernetesClusterName }, caMd5) =>
    create(pb.KubernetesClusterIDRequestSchema, {
      caMd5,
      teamId,
      ...(kubernetesClusterName === "" ? {} : { kubernetesClusterName }),
    }),
  clusterIdAnswer: (message) => {
    const { clusterId, errorMsg } = message as pb.KubernetesClusterIDResponse;
    return { id: clusterId, problem: errorMsg };
  },
  processes: ({ ctrlIp, ctrlMac, teamId }, vtapId, connections) =>
    create(pb.GPIDSyncRequestSchema, { ctrlIp, ctrlMac, vtapId, teamId, entries: connections.map(toGpidEntry) }),
  processesAnswer: (message) => (message as pb.GPIDSyncResponse).entries.map(fromGpidEntry),
  remoteAnswer,
  remoteRequest,
};

function syncFields(identity: Identity, report: SyncReport) {
  return {
    bootTime: identity.bootTimeS,
    configAccepted: report.isConfigAccepted,
    state: report.isEnabled ? pb.State.RUNNING : pb.State.DISABLED,
    revision: identity.revision,
    exception: report.exception,
    processName: identity.processName,
    versionPlatformData: report.versions.platformData,
    versionAcls: report.versions.acls,
    versionGroups: report.versions.groups,
    ctrlIp: identity.ctrlIp,
    host: identity.host,
    hostIps: [...identity.hostIps],
    ctrlMac: identity.ctrlMac,
    vtapGroupIdRequest: identity.groupId,
    kubernetesForceWatch: false,
    agentUniqueIdentifier: pb.AgentIdentifier.IP_AND_MAC,
    teamId: identity.teamId,
    cpuNum: identity.cpuCount,
    memorySize: identity.memoryBytes,
    arch: identity.arch,
    os: identity.os,
    kernelVersion: identity.kernelVersion,
    kubernetesClusterId: identity.kubernetesClusterId,
    ...(identity.kubernetesClusterName === "" ? {} : { kubernetesClusterName: identity.kubernetesClusterName }),
  };
}

function toAnswer(response: pb.SyncResponse): ControllerAnswer {
  const { config } = response;
  let tree: unknown;
  let configProblem: string | undefined;
  if (config !== undefined) {
    try {
      const fields = toJson(pb.ConfigSchema, config, { useProtoFieldName: true });
      tree = treeOfV6Config(isTree(fields) ? fields : {}, parse(config.localConfig, { maxAliasCount: MAX_ALIASES }));
    } catch (error) {
      configProblem = messageOf(error);
    }
  }
  return {
    status: STATUSES.get(response.status) ?? "failed",
    config: config !== undefined && configProblem === undefined ? { tree } : undefined,
    configProblem,
    revision: response.revision,
    selfUpdateUrl: response.selfUpdateUrl,
    isPartial: false,
    versions: {
      platformData: response.versionPlatformData,
      acls: response.versionAcls,
      groups: response.versionGroups,
    },
    dynamic:
      config === undefined
        ? undefined
        : {
            isEnabled: config.enabled,
            agentId: config.vtapId,
            vpcId: config.epcId,
            teamId: config.teamId,
            organizationId: config.organizeId,
            groupId: "",
            isKubernetesApiEnabled: config.kubernetesApiEnabled,
          },
  };
}

function genesis(identity: Identity, { version, agentId, data }: GenesisFacts): Message {
  return create(pb.GenesisSyncRequestSchema, {
    version,
    tridentType: TridentType.TT_PHYSICAL_MACHINE,
    sourceIp: identity.ctrlIp,
    vtapId: agentId,
    teamId: identity.teamId,
    ...(identity.kubernetesClusterId === "" ? {} : { kubernetesClusterId: identity.kubernetesClusterId }),
    ...(data === undefined
      ? {}
      : {
          platformData: {
            platformEnabled: false,
            rawHostname: identity.host,
            interfaces: data.interfaces.map(({ name, mac, ips, index }) => ({
              name,
              mac,
              ip: [...ips],
              tapIndex: index,
            })),
          },
          processData: {
            processEntries: data.processes.map(({ pid, name, startTimeS }) => ({
              name,
              pid: BigInt(pid),
              processName: name,
              startTime: startTimeS,
            })),
          },
        }),
  });
}

function remoteAnswer(identity: Identity, answer: RemoteAnswer): Message {
  return create(pb.RemoteExecResponseSchema, {
    agentId: { ip: identity.ctrlIp, mac: identity.ctrlMac, teamId: identity.teamId },
    commands: answer.commands.map(({ id, ident }) => ({ id, cmd: ident })),
    ...(answer.requestId === undefined ? {} : { requestId: answer.requestId }),
    ...(answer.error === undefined ? {} : { errmsg: answer.error }),
    ...(answer.output === undefined
      ? {}
      : {
          commandResult: {
            errno: 0,
            content: answer.output,
            md5: answer.md5,
            totalLen: BigInt(answer.output.length),
            pktCount: 1,
          },
        }),
  });
}

const REMOTE_KINDS: ReadonlyMap<number, RemoteRequest["kind"]> = new Map([
  [pb.ExecutionType.LIST_COMMAND, "list_command"],
  [pb.ExecutionType.LIST_NAMESPACE, "list_namespace"],
  [pb.ExecutionType.RUN_COMMAND, "run_command"],
]);

function remoteRequest(message: Message): RemoteRequest {
  const request = message as pb.RemoteExecRequest;
  const hasKind = isFieldSet(request, pb.RemoteExecRequestSchema.field.execType);
  return {
    requestId: request.requestId,
    kind: hasKind ? (REMOTE_KINDS.get(request.execType) ?? "other") : undefined,
    command: String(request.commandId),
  };
}
