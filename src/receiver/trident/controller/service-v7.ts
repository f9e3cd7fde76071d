/** package agent: every method as a controller of DeepFlow 6.6 and newer answers it. */
import { create } from "@bufbuild/protobuf";
import type * as grpc from "@grpc/grpc-js";
import { fromGpidEntry, toGpidEntry } from "../../../trident/gpid-entry.ts";
import * as pb from "../../../trident/proto/agent.gen.ts";
import { answerV7, failedV7, heartbeatV7, platformDataV7 } from "./answer-v7.ts";
import { holdPush, serverStream, unary, writeAll } from "./calls.ts";
import { type ControllerCore, keyOf } from "./core.ts";
import { clusterIdFields, factsOf, remoteExecute, upgrade } from "./service-parts.ts";

const { SUCCESS, FAILED } = pb.Status;

export function serviceV7(core: ControllerCore): grpc.UntypedServiceImplementation {
  const sync = (request: pb.SyncRequest, isComplete: boolean, authority: string): pb.SyncResponse => {
    const answer = core.sync(
      factsOf(request, request.agentGroupIdRequest, authority),
      isComplete,
      platformDataV7,
      "agent",
    );
    return answer === undefined ? failedV7(request.revision) : answerV7(answer);
  };
  return {
    sync: unary(core, "Sync", (request: pb.SyncRequest, authority) => sync(request, false, authority)),
    push: serverStream<pb.SyncRequest, pb.SyncResponse>(core, "Push", (request, call) =>
      holdPush(core, call, () => sync(request, true, call.getHost()), heartbeatV7),
    ),
    upgrade: upgrade<pb.UpgradeRequest, pb.UpgradeResponse>(core, (fields) =>
      create(pb.UpgradeResponseSchema, fields ? { status: SUCCESS, ...fields } : { status: FAILED }),
    ),
    query: unary(core, "Query", (request: pb.NtpRequest) =>
      create(pb.NtpResponseSchema, { response: core.ntp(request.request) }),
    ),
    genesisSync: unary(core, "GenesisSync", (request: pb.GenesisSyncRequest) => {
      const key = keyOf(request.agentInfo?.ip ?? "", request.agentInfo?.mac ?? "");
      const interfaces = request.platformData?.interfaces.map(({ mac, ip }) => ({ mac, ips: ip }));
      return create(pb.GenesisSyncResponseSchema, { version: core.genesis(key, request.version, interfaces) });
    }),
    kubernetesAPISync: unary(core, "KubernetesAPISync", (request: pb.KubernetesAPISyncRequest) => {
      const version = core.kubernetes(request.agentId, request.version, request.entries.length);
      return create(pb.KubernetesAPISyncResponseSchema, version === undefined ? {} : { version });
    }),
    getKubernetesClusterID: unary(core, "GetKubernetesClusterID", (request: pb.KubernetesClusterIDRequest) =>
      create(pb.KubernetesClusterIDResponseSchema, clusterIdFields(core, request.caMd5)),
    ),
    gPIDSync: unary(core, "GPIDSync", (request: pb.GPIDSyncRequest) => {
      const entries = core.processIds.report(request.agentId, request.entries.map(fromGpidEntry)).map(toGpidEntry);
      return create(pb.GPIDSyncResponseSchema, { entries });
    }),
    shareGPIDLocalData: unary(core, "ShareGPIDLocalData", () => create(pb.ShareGPIDSyncRequestsSchema)),
    plugin: serverStream<pb.PluginRequest, pb.PluginResponse>(core, "Plugin", (_, call) =>
      writeAll(call, [create(pb.PluginResponseSchema, { status: FAILED })]),
    ),
    remoteExecute: remoteExecute<pb.RemoteExecResponse, pb.RemoteExecRequest>(core, () =>
      create(pb.RemoteExecRequestSchema, { requestId: 0n }),
    ),
  };
}
