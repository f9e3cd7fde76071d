/**
 * What both generations of the protocol have alike: fields of the same names, enumerations of the same numbers. Only whom
 * they call agent, and how a configuration comes, is their own (generation-v6.ts, generation-v7.ts).
 */
import type { DescMethod } from "@bufbuild/protobuf";
import { messageOf } from "../../error.ts";
import { ExecutionType, Status } from "../../trident/proto/agent.gen.ts";
import type { Generation } from "./generation.ts";
import type { Identity } from "./identity.ts";
import type {
  ControllerAnswer,
  GenesisFacts,
  RemoteAnswer,
  RemoteRequest,
  SyncReport,
  UpgradePart,
} from "./messages.ts";

/** A configuration may not grow by aliases. */
export const MAX_ALIASES = 100;

const STATUSES: ReadonlyMap<number, ControllerAnswer["status"]> = new Map([
  [Status.SUCCESS, "success"],
  [Status.FAILED, "failed"],
  [Status.HEARTBEAT, "heartbeat"],
  [Status.CLUSTER_ID_NOT_FOUND, "cluster_id_not_found"],
]);

const REMOTE_KINDS: ReadonlyMap<number, RemoteRequest["kind"]> = new Map([
  [ExecutionType.LIST_COMMAND, "list_command"],
  [ExecutionType.LIST_NAMESPACE, "list_namespace"],
  [ExecutionType.RUN_COMMAND, "run_command"],
]);

type CommonMethods = Omit<Generation["methods"], "prometheusApiSync">;

export function commonMethods(service: {
  readonly sync: DescMethod;
  readonly push: DescMethod;
  readonly query: DescMethod;
  readonly upgrade: DescMethod;
  readonly genesisSync: DescMethod;
  readonly kubernetesAPISync: DescMethod;
  readonly remoteExecute: DescMethod;
  readonly getKubernetesClusterID: DescMethod;
  readonly gPIDSync: DescMethod;
}): CommonMethods {
  return {
    sync: service.sync,
    push: service.push,
    query: service.query,
    upgrade: service.upgrade,
    genesisSync: service.genesisSync,
    kubernetesApiSync: service.kubernetesAPISync,
    remoteExecute: service.remoteExecute,
    getKubernetesClusterId: service.getKubernetesClusterID,
    gpidSync: service.gPIDSync,
  };
}

/** Of the agent, as most requests say it. */
export function whoFields({ ctrlIp, ctrlMac, teamId }: Identity) {
  return { ctrlIp, ctrlMac, teamId };
}

export function syncFields(identity: Identity, report: SyncReport) {
  return {
    ...whoFields(identity),
    bootTime: identity.bootTimeS,
    configAccepted: report.isConfigAccepted,
    revision: identity.revision,
    exception: report.exception,
    processName: identity.processName,
    versionPlatformData: report.versions.platformData,
    versionAcls: report.versions.acls,
    versionGroups: report.versions.groups,
    host: identity.host,
    hostIps: [...identity.hostIps],
    kubernetesForceWatch: false,
    cpuNum: identity.cpuCount,
    memorySize: identity.memoryBytes,
    arch: identity.arch,
    os: identity.os,
    kernelVersion: identity.kernelVersion,
    kubernetesClusterId: identity.kubernetesClusterId,
    ...clusterName(identity),
  };
}

/** @param readConfig undefined: the message has none; throws where it can't be parsed */
export function commonAnswer(
  response: {
    readonly status: number;
    readonly revision: string;
    readonly selfUpdateUrl: string;
    readonly versionPlatformData: bigint;
    readonly versionAcls: bigint;
    readonly versionGroups: bigint;
  },
  readConfig: (() => unknown) | undefined,
): Omit<ControllerAnswer, "isPartial" | "dynamic"> {
  return {
    ...parsed(readConfig),
    status: STATUSES.get(response.status) ?? "failed",
    revision: response.revision,
    selfUpdateUrl: response.selfUpdateUrl,
    versions: {
      platformData: response.versionPlatformData,
      acls: response.versionAcls,
      groups: response.versionGroups,
    },
  };
}

function parsed(readConfig: (() => unknown) | undefined): Pick<ControllerAnswer, "config" | "configProblem"> {
  try {
    return { config: readConfig && { tree: readConfig() }, configProblem: undefined };
  } catch (error) {
    return { config: undefined, configProblem: messageOf(error) };
  }
}

export function upgradePart(response: {
  readonly status: number;
  readonly content: Uint8Array;
  readonly md5: string;
  readonly totalLen: bigint;
  readonly pktCount: number;
  readonly k8sImage: string;
}): UpgradePart {
  const { status, content, md5, totalLen, pktCount, k8sImage } = response;
  return { isFailed: status !== Status.SUCCESS, content, md5, totalBytes: totalLen, pieces: pktCount, k8sImage };
}

export function genesisFields(identity: Identity, { version, data }: GenesisFacts) {
  const { ctrlIp, teamId, kubernetesClusterId } = identity;
  return {
    version,
    sourceIp: ctrlIp,
    teamId,
    ...(kubernetesClusterId === "" ? {} : { kubernetesClusterId }),
    ...(data === undefined ? {} : { platformData: platformData(identity, data), processData: processData(data) }),
  };
}

type GenesisData = NonNullable<GenesisFacts["data"]>;

function platformData({ host }: Identity, { interfaces }: GenesisData) {
  return {
    platformEnabled: false,
    rawHostname: host,
    interfaces: interfaces.map(({ name, mac, ips, index }) => ({ name, mac, ip: [...ips], tapIndex: index })),
  };
}

function processData({ processes }: GenesisData) {
  return {
    processEntries: processes.map(({ pid, name, startTimeS }) => ({
      name,
      pid: BigInt(pid),
      processName: name,
      startTime: startTimeS,
    })),
  };
}

/** Of KubernetesAPISync, and of PrometheusAPISync where that is known. */
export function clusterFields({ kubernetesClusterId, ctrlIp, teamId }: Identity, version: bigint) {
  return { clusterId: kubernetesClusterId, version, sourceIp: ctrlIp, teamId };
}

export function clusterIdFields(identity: Identity, caMd5: string) {
  return { caMd5, teamId: identity.teamId, ...clusterName(identity) };
}

function clusterName({ kubernetesClusterName }: Identity) {
  return kubernetesClusterName === "" ? {} : { kubernetesClusterName };
}

export function remoteAnswerFields(
  { ctrlIp, ctrlMac, teamId }: Identity,
  { requestId, error, output, md5 }: RemoteAnswer,
) {
  return {
    agentId: { ip: ctrlIp, mac: ctrlMac, teamId },
    ...(requestId === undefined ? {} : { requestId }),
    ...(error === undefined ? {} : { errmsg: error }),
    ...(output === undefined
      ? {}
      : { commandResult: { errno: 0, content: output, md5, totalLen: BigInt(output.length), pktCount: 1 } }),
  };
}

/** @param execType undefined: the field is not there */
export function remoteKind(execType: number | undefined): RemoteRequest["kind"] {
  return execType === undefined ? undefined : (REMOTE_KINDS.get(execType) ?? "other");
}
