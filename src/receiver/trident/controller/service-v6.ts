/** package trident: what agents of DeepFlow 6.5 and older call, and what ingesters ask. */
import { create } from "@bufbuild/protobuf";
import type * as grpc from "@grpc/grpc-js";
import { fromGpidEntry, toGpidEntry } from "../../../trident/gpid-entry.ts";
import * as pb from "../../../trident/proto/trident.gen.ts";
import { answerV6, failedV6, heartbeatV6, platformDataV6 } from "./answer-v6.ts";
import { holdPush, serverStream, unary, writeAll } from "./calls.ts";
import type { ControllerCore } from "./core.ts";
import { clusterIdFields, factsOf, remoteExecute, upgrade } from "./service-parts.ts";

const { SUCCESS, FAILED } = pb.Status;

export function serviceV6(core: ControllerCore): grpc.UntypedServiceImplementation {
  const sync = (request: pb.SyncRequest, isComplete: boolean, authority: string): pb.SyncResponse => {
    const answer = core.sync(
      factsOf(request, request.vtapGroupIdRequest, authority),
      isComplete,
      platformDataV6,
      "trident",
    );
    return answer === undefined ? failedV6(request.revision) : answerV6(answer);
  };
  return {
    sync: unary(core, "Sync", (request: pb.SyncRequest, authority) => sync(request, false, authority)),
    push: serverStream<pb.SyncRequest, pb.SyncResponse>(core, "Push", (request, call) =>
      holdPush(core, call, () => sync(request, true, call.getHost()), heartbeatV6),
    ),
    analyzerSync: unary(core, "AnalyzerSync", () => analyzerAnswer(core)),
    upgrade: upgrade<pb.UpgradeRequest, pb.UpgradeResponse>(core, (fields) =>
      create(pb.UpgradeResponseSchema, fields ? { status: SUCCESS, ...fields } : { status: FAILED }),
    ),
    query: unary(core, "Query", (request: pb.NtpRequest) =>
      create(pb.NtpResponseSchema, { response: core.ntp(request.request) }),
    ),
    genesisSync: unary(core, "GenesisSync", (request: pb.GenesisSyncRequest) => {
      // The older message has no MAC: the id says who it is.
      const key = core.registry.findById(request.vtapId)?.key ?? "";
      const interfaces = request.platformData?.interfaces.map(({ mac, ip }) => ({ mac, ips: ip }));
      return create(pb.GenesisSyncResponseSchema, { version: core.genesis(key, request.version, interfaces) });
    }),
    kubernetesAPISync: unary(core, "KubernetesAPISync", (request: pb.KubernetesAPISyncRequest) => {
      const version = core.kubernetes(request.vtapId, request.version, request.entries.length);
      return create(pb.KubernetesAPISyncResponseSchema, version === undefined ? {} : { version });
    }),
    prometheusAPISync: unary(core, "PrometheusAPISync", (request: pb.PrometheusAPISyncRequest) =>
      create(pb.PrometheusAPISyncResponseSchema, { version: request.version }),
    ),
    getKubernetesClusterID: unary(core, "GetKubernetesClusterID", (request: pb.KubernetesClusterIDRequest) =>
      create(pb.KubernetesClusterIDResponseSchema, clusterIdFields(core, request.caMd5)),
    ),
    gPIDSync: unary(core, "GPIDSync", (request: pb.GPIDSyncRequest) => {
      const entries = core.processIds.report(request.vtapId, request.entries.map(fromGpidEntry)).map(toGpidEntry);
      return create(pb.GPIDSyncResponseSchema, { entries });
    }),
    shareGPIDLocalData: unary(core, "ShareGPIDLocalData", () => create(pb.ShareGPIDSyncRequestsSchema)),
    plugin: serverStream<pb.PluginRequest, pb.PluginResponse>(core, "Plugin", (_, call) =>
      writeAll(call, [create(pb.PluginResponseSchema, { status: FAILED })]),
    ),
    getPrometheusLabelIDs: unary(core, "GetPrometheusLabelIDs", (request: pb.PrometheusLabelRequest) =>
      create(pb.PrometheusLabelResponseSchema, { version: request.version }),
    ),
    getPrometheusTargets: unary(core, "GetPrometheusTargets", (request: pb.PrometheusTargetRequest) =>
      create(pb.PrometheusTargetResponseSchema, { version: request.version }),
    ),
    getUniversalTagNameMaps: unary(core, "GetUniversalTagNameMaps", () =>
      create(pb.UniversalTagNameMapsResponseSchema, {
        version: 1,
        vtapMap: [...core.registry.agents].map(({ id, host }) => ({ id, name: host })),
      }),
    ),
    remoteExecute: remoteExecute<pb.RemoteExecResponse, pb.RemoteExecRequest>(core, () =>
      create(pb.RemoteExecRequestSchema, { requestId: 0n }),
    ),
    getOrgIDs: unary(core, "GetOrgIDs", () => create(pb.OrgIDsResponseSchema, { orgIds: [1] })),
  };
}

function analyzerAnswer(core: ControllerCore): pb.SyncResponse {
  const agents = [...core.registry.agents];
  return create(pb.SyncResponseSchema, {
    status: SUCCESS,
    platformData: platformDataV6(agents, 1),
    versionPlatformData: 1n,
    versionAcls: 1n,
    versionGroups: 1n,
    vtapIps: agents.map(({ id, key }) => ({ vtapId: id, epcId: 1, ip: key.split("-")[0] ?? "", teamId: 1, orgId: 1 })),
    analyzerConfig: { analyzerId: 1, regionId: 1 },
  });
}
