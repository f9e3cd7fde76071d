/** package agent: DeepFlow 6.6 and newer. */

import { create, isFieldSet, type Message } from "@bufbuild/protobuf";
import { parse } from "yaml";
import { messageOf } from "../../error.ts";
import { fromGpidEntry, toGpidEntry } from "../../trident/gpid-entry.ts";
import * as pb from "../../trident/proto/agent.gen.ts";
import type { Generation } from "./generation.ts";
import type { Identity } from "./identity.ts";
import type { ControllerAnswer, GenesisFacts, RemoteAnswer, RemoteRequest, SyncReport } from "./messages.ts";

/** A configuration may not grow by aliases. */
const MAX_ALIASES = 100;
const GRPC_BUFFER_BYTES = 5n << 20n;
const service = pb.Synchronizer.method;

const STATUSES: ReadonlyMap<number, ControllerAnswer["status"]> = new Map([
  [pb.Status.SUCCESS, "success"],
  [pb.Status.FAILED, "failed"],
  [pb.Status.HEARTBEAT, "heartbeat"],
  [pb.Status.CLUSTER_ID_NOT_FOUND, "cluster_id_not_found"],
]);

export const generationV7: Generation = {
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
    prometheusApiSync: undefined,
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
  kubernetes: (identity, agentId, version) =>
    create(pb.KubernetesAPISyncRequestSchema, {
      clusterId: identity.kubernetesClusterId,
      version,
      agentId,
      sourceIp: identity.ctrlIp,
      teamId: identity.teamId,
    }),
  prometheus: () => create(pb.KubernetesAPISyncRequestSchema),
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
  processes: ({ ctrlIp, ctrlMac, teamId }, agentId, connections) =>
    create(pb.GPIDSyncRequestSchema, { ctrlIp, ctrlMac, agentId, teamId, entries: connections.map(toGpidEntry) }),
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
    customAppConfig: { version: 0n },
    ...(report.exceptionDescription === "" ? {} : { exceptionDescription: report.exceptionDescription }),
    ctrlIp: identity.ctrlIp,
    host: identity.host,
    hostIps: [...identity.hostIps],
    ctrlMac: identity.ctrlMac,
    agentGroupIdRequest: identity.groupId,
    kubernetesForceWatch: false,
    agentUniqueIdentifier: pb.AgentIdentifier.IP_AND_MAC,
    teamId: identity.teamId,
    cpuNum: identity.cpuCount,
    memorySize: identity.memoryBytes,
    arch: identity.arch,
    os: identity.os,
    kernelVersion: identity.kernelVersion,
    kubernetesWatchPolicy: pb.KubernetesWatchPolicy.KWP_WATCH_DISABLED,
    kubernetesClusterId: identity.kubernetesClusterId,
    ...(identity.kubernetesClusterName === "" ? {} : { kubernetesClusterName: identity.kubernetesClusterName }),
    currentGrpcBufferSize: GRPC_BUFFER_BYTES,
  };
}

function toAnswer(response: pb.SyncResponse): ControllerAnswer {
  let tree: unknown;
  let configProblem: string | undefined;
  const hasConfig = isFieldSet(response, pb.SyncResponseSchema.field.userConfig);
  if (hasConfig) {
    try {
      tree = parse(response.userConfig, { maxAliasCount: MAX_ALIASES });
    } catch (error) {
      configProblem = messageOf(error);
    }
  }
  const dynamic = response.dynamicConfig;
  return {
    status: STATUSES.get(response.status) ?? "failed",
    config: hasConfig && configProblem === undefined ? { tree } : undefined,
    configProblem,
    revision: response.revision,
    selfUpdateUrl: response.selfUpdateUrl,
    isPartial: response.onlyPartialFields,
    versions: {
      platformData: response.versionPlatformData,
      acls: response.versionAcls,
      groups: response.versionGroups,
    },
    dynamic:
      dynamic === undefined
        ? undefined
        : {
            isEnabled: dynamic.enabled,
            agentId: dynamic.agentId,
            vpcId: dynamic.vpcId,
            teamId: dynamic.teamId,
            organizationId: dynamic.organizeId,
            groupId: dynamic.groupId,
            isKubernetesApiEnabled: dynamic.kubernetesApiEnabled,
          },
  };
}

function genesis(identity: Identity, { version, agentId, data }: GenesisFacts): Message {
  return create(pb.GenesisSyncRequestSchema, {
    version,
    agentType: pb.AgentType.TT_PHYSICAL_MACHINE,
    sourceIp: identity.ctrlIp,
    agentId,
    teamId: identity.teamId,
    agentInfo: { ip: identity.ctrlIp, mac: identity.ctrlMac, teamId: identity.teamId, groupId: identity.groupId },
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
  const agentId = { ip: identity.ctrlIp, mac: identity.ctrlMac, teamId: identity.teamId };
  return create(pb.RemoteExecResponseSchema, {
    agentId,
    commands: answer.commands.map(({ id, ident }) => ({ id, cmd: ident, ident, typeName: "sockspan" })),
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
    command: request.commandIdent || String(request.commandId),
  };
}
