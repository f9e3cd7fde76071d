/** package agent: DeepFlow 6.6 and newer. */

import { create, isFieldSet } from "@bufbuild/protobuf";
import { parse } from "yaml";
import { fromGpidEntry, toGpidEntry } from "../../trident/gpid-entry.ts";
import * as pb from "../../trident/proto/agent.gen.ts";
import type { Generation } from "./generation.ts";
import {
  clusterFields,
  clusterIdFields,
  commonAnswer,
  commonMethods,
  genesisFields,
  MAX_ALIASES,
  remoteAnswerFields,
  remoteKind,
  syncFields,
  upgradePart,
  whoFields,
} from "./generation-fields.ts";
import type { ControllerAnswer } from "./messages.ts";

const GRPC_BUFFER_BYTES = 5n << 20n;

export const generationV7: Generation = {
  methods: { ...commonMethods(pb.Synchronizer.method), prometheusApiSync: undefined },
  sync: (identity, report) =>
    create(pb.SyncRequestSchema, {
      ...syncFields(identity, report),
      state: report.isEnabled ? pb.State.RUNNING : pb.State.DISABLED,
      agentUniqueIdentifier: pb.AgentIdentifier.IP_AND_MAC,
      customAppConfig: { version: 0n },
      ...(report.exceptionDescription === "" ? {} : { exceptionDescription: report.exceptionDescription }),
      agentGroupIdRequest: identity.groupId,
      kubernetesWatchPolicy: pb.KubernetesWatchPolicy.KWP_WATCH_DISABLED,
      currentGrpcBufferSize: GRPC_BUFFER_BYTES,
    }),
  answer: (message) => toAnswer(message as pb.SyncResponse),
  query: (identity, request) => create(pb.NtpRequestSchema, { ctrlIp: identity.ctrlIp, request }),
  queryAnswer: (message) => (message as pb.NtpResponse).response,
  upgrade: (identity) => create(pb.UpgradeRequestSchema, whoFields(identity)),
  upgradePart: (message) => upgradePart(message as pb.UpgradeResponse),
  genesis: (identity, facts) =>
    create(pb.GenesisSyncRequestSchema, {
      ...genesisFields(identity, facts),
      agentType: pb.AgentType.TT_PHYSICAL_MACHINE,
      agentId: facts.agentId,
      agentInfo: { ip: identity.ctrlIp, mac: identity.ctrlMac, teamId: identity.teamId, groupId: identity.groupId },
    }),
  genesisVersion: (message) => (message as pb.GenesisSyncResponse).version,
  kubernetes: (identity, agentId, version) =>
    create(pb.KubernetesAPISyncRequestSchema, { ...clusterFields(identity, version), agentId }),
  prometheus: () => create(pb.KubernetesAPISyncRequestSchema),
  clusterId: (identity, caMd5) => create(pb.KubernetesClusterIDRequestSchema, clusterIdFields(identity, caMd5)),
  clusterIdAnswer: (message) => {
    const { clusterId, errorMsg } = message as pb.KubernetesClusterIDResponse;
    return { id: clusterId, problem: errorMsg };
  },
  processes: (identity, agentId, connections) =>
    create(pb.GPIDSyncRequestSchema, { ...whoFields(identity), agentId, entries: connections.map(toGpidEntry) }),
  processesAnswer: (message) => (message as pb.GPIDSyncResponse).entries.map(fromGpidEntry),
  remoteAnswer: (identity, answer) =>
    create(pb.RemoteExecResponseSchema, {
      ...remoteAnswerFields(identity, answer),
      commands: answer.commands.map(({ id, ident }) => ({ id, cmd: ident, ident, typeName: "sockspan" })),
    }),
  remoteRequest: (message) => {
    const request = message as pb.RemoteExecRequest;
    const hasKind = isFieldSet(request, pb.RemoteExecRequestSchema.field.execType);
    return {
      requestId: request.requestId,
      kind: remoteKind(hasKind ? request.execType : undefined),
      command: request.commandIdent || String(request.commandId),
    };
  },
};

function toAnswer(response: pb.SyncResponse): ControllerAnswer {
  const dynamic = response.dynamicConfig;
  const hasConfig = isFieldSet(response, pb.SyncResponseSchema.field.userConfig);
  return {
    ...commonAnswer(response, hasConfig ? () => parse(response.userConfig, { maxAliasCount: MAX_ALIASES }) : undefined),
    isPartial: response.onlyPartialFields,
    dynamic: dynamic && {
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
