/** What the services of both generations answer alike. */
import type * as grpc from "@grpc/grpc-js";
import { serverStream, writeAll } from "./calls.ts";
import { type ControllerCore, keyOf, type SyncFacts } from "./core.ts";

/** So much of an agent that does not read is kept for it. */
const MAX_UNREAD_HEARTBEAT_BYTES = 65_536;

interface RemoteResponse {
  readonly commandResult?: unknown;
  readonly errmsg: string;
  readonly commands: readonly unknown[];
}

/** Heartbeats are answered with a request that asks nothing; commands are not ours to send. */
export function remoteExecute<Response extends RemoteResponse, Request>(
  core: ControllerCore,
  emptyRequest: () => Request,
): grpc.handleBidiStreamingCall<Response, Request> {
  return (call) => {
    call.on("error", () => undefined);
    if (!core.admit(call.getPeer())) {
      call.end();
      return;
    }
    core.answered("RemoteExecute");
    call.on("data", ({ commandResult, errmsg, commands }: Response) => {
      const isHeartbeat = commandResult === undefined && errmsg === "" && commands.length === 0;
      if (isHeartbeat && call.writableLength < MAX_UNREAD_HEARTBEAT_BYTES) call.write(emptyRequest());
    });
    call.on("end", () => call.end());
  };
}

interface UpgradeRequest {
  readonly ctrlIp: string;
  readonly ctrlMac: string;
}

/** Fields of an UpgradeResponse beside its status. */
interface UpgradeFields {
  readonly content?: Uint8Array;
  readonly md5?: string;
  readonly totalLen?: bigint;
  readonly pktCount?: number;
  readonly k8sImage?: string;
}

/** @param toResponse undefined: there is nothing for this agent */
export function upgrade<Request extends UpgradeRequest, Response>(
  core: ControllerCore,
  toResponse: (fields: UpgradeFields | undefined) => Response,
): grpc.handleServerStreamingCall<Request, Response> {
  return serverStream<Request, Response>(core, "Upgrade", ({ ctrlIp, ctrlMac }, call) =>
    writeAll(call, upgradeFields(core.upgradeOf(keyOf(ctrlIp, ctrlMac))).map(toResponse)),
  );
}

function upgradeFields(wanted: ReturnType<ControllerCore["upgradeOf"]>): readonly (UpgradeFields | undefined)[] {
  const { pieces = [], k8sImage } = wanted ?? {};
  if (pieces.length > 0) {
    return pieces.map(({ content, md5, totalBytes, pieces: pktCount }) => ({
      content,
      md5,
      totalLen: totalBytes,
      pktCount,
    }));
  }
  return [k8sImage === undefined ? undefined : { k8sImage }];
}

export function clusterIdFields(core: ControllerCore, caMd5: string) {
  return caMd5 === "" ? { errorMsg: "ca_md5 is missing" } : { clusterId: core.clusterId(caMd5) };
}

/** Whom a request is from, and what it has. */
export function factsOf(
  request: Omit<SyncFacts, "groupRequest" | "authority">,
  groupRequest: string,
  authority: string,
): SyncFacts {
  const { ctrlIp, ctrlMac, teamId, host, revision, kubernetesClusterId } = request;
  const { versionPlatformData, versionAcls, versionGroups } = request;
  return {
    ctrlIp,
    ctrlMac,
    teamId,
    host,
    groupRequest,
    revision,
    kubernetesClusterId,
    authority,
    versionPlatformData,
    versionAcls,
    versionGroups,
  };
}
