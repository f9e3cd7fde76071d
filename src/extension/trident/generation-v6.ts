/** package trident: DeepFlow 6.5 and older. */

import { create, isFieldSet, toJson } from "@bufbuild/protobuf";
import { parse } from "yaml";
import { isTree } from "../../mapping/trident/config/config-tree.ts";
import { treeOfV6Config } from "../../mapping/trident/config/config-v6.ts";
import { fromGpidEntry, toGpidEntry } from "../../trident/gpid-entry.ts";
import { TridentType } from "../../trident/proto/common.gen.ts";
import * as pb from "../../trident/proto/trident.gen.ts";
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

const service = pb.Synchronizer.method;

export const generationV6: Generation = {
  methods: { ...commonMethods(service), prometheusApiSync: service.prometheusAPISync },
  sync: (identity, report) =>
    create(pb.SyncRequestSchema, {
      ...syncFields(identity, report),
      state: report.isEnabled ? pb.State.RUNNING : pb.State.DISABLED,
      agentUniqueIdentifier: pb.AgentIdentifier.IP_AND_MAC,
      vtapGroupIdRequest: identity.groupId,
    }),
  answer: (message) => toAnswer(message as pb.SyncResponse),
  query: (identity, request) => create(pb.NtpRequestSchema, { ctrlIp: identity.ctrlIp, request }),
  queryAnswer: (message) => (message as pb.NtpResponse).response,
  upgrade: (identity) => create(pb.UpgradeRequestSchema, whoFields(identity)),
  upgradePart: (message) => upgradePart(message as pb.UpgradeResponse),
  genesis: (identity, facts) =>
    create(pb.GenesisSyncRequestSchema, {
      ...genesisFields(identity, facts),
      tridentType: TridentType.TT_PHYSICAL_MACHINE,
      vtapId: facts.agentId,
    }),
  genesisVersion: (message) => (message as pb.GenesisSyncResponse).version,
  kubernetes: (identity, vtapId, version) =>
    create(pb.KubernetesAPISyncRequestSchema, { ...clusterFields(identity, version), vtapId }),
  prometheus: (identity, vtapId, version) =>
    create(pb.PrometheusAPISyncRequestSchema, { ...clusterFields(identity, version), vtapId }),
  clusterId: (identity, caMd5) => create(pb.KubernetesClusterIDRequestSchema, clusterIdFields(identity, caMd5)),
  clusterIdAnswer: (message) => {
    const { clusterId, errorMsg } = message as pb.KubernetesClusterIDResponse;
    return { id: clusterId, problem: errorMsg };
  },
  processes: (identity, vtapId, connections) =>
    create(pb.GPIDSyncRequestSchema, { ...whoFields(identity), vtapId, entries: connections.map(toGpidEntry) }),
  processesAnswer: (message) => (message as pb.GPIDSyncResponse).entries.map(fromGpidEntry),
  remoteAnswer: (identity, answer) =>
    create(pb.RemoteExecResponseSchema, {
      ...remoteAnswerFields(identity, answer),
      commands: answer.commands.map(({ id, ident }) => ({ id, cmd: ident })),
    }),
  remoteRequest: (message) => {
    const request = message as pb.RemoteExecRequest;
    const hasKind = isFieldSet(request, pb.RemoteExecRequestSchema.field.execType);
    return {
      requestId: request.requestId,
      kind: remoteKind(hasKind ? request.execType : undefined),
      command: String(request.commandId),
    };
  },
};

function toAnswer(response: pb.SyncResponse): ControllerAnswer {
  const { config } = response;
  return {
    ...commonAnswer(response, config && (() => treeOf(config))),
    isPartial: false,
    dynamic: config && {
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

/** In fields of its own, and in YAML beside them. */
function treeOf(config: pb.Config): unknown {
  const fields = toJson(pb.ConfigSchema, config, { useProtoFieldName: true });
  return treeOfV6Config(isTree(fields) ? fields : {}, parse(config.localConfig, { maxAliasCount: MAX_ALIASES }));
}
