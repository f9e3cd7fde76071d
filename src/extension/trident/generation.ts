/** One generation of the protocol: its methods, and its messages from and to messages.ts. */
import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { ConnectionProcess } from "../../trident/connection-processes.ts";
import type { Identity } from "./identity.ts";
import type {
  ControllerAnswer,
  GenesisFacts,
  RemoteAnswer,
  RemoteRequest,
  SyncReport,
  UpgradePart,
} from "./messages.ts";

export interface Generation {
  readonly methods: {
    readonly sync: DescMethod;
    readonly push: DescMethod;
    readonly query: DescMethod;
    readonly upgrade: DescMethod;
    readonly genesisSync: DescMethod;
    readonly kubernetesApiSync: DescMethod;
    readonly remoteExecute: DescMethod;
    readonly getKubernetesClusterId: DescMethod;
    readonly gpidSync: DescMethod;
    /** 6.3 to 6.5 only. */
    readonly prometheusApiSync: DescMethod | undefined;
  };
  sync(identity: Identity, report: SyncReport): Message;
  answer(message: Message): ControllerAnswer;
  query(identity: Identity, packet: Uint8Array): Message;
  queryAnswer(message: Message): Uint8Array;
  upgrade(identity: Identity): Message;
  upgradePart(message: Message): UpgradePart;
  genesis(identity: Identity, facts: GenesisFacts): Message;
  genesisVersion(message: Message): bigint;
  kubernetes(identity: Identity, agentId: number, version: bigint): Message;
  prometheus(identity: Identity, agentId: number, version: bigint): Message;
  clusterId(identity: Identity, caMd5: string): Message;
  clusterIdAnswer(message: Message): { readonly id: string; readonly problem: string };
  processes(identity: Identity, agentId: number, connections: readonly ConnectionProcess[]): Message;
  processesAnswer(message: Message): ConnectionProcess[];
  remoteAnswer(identity: Identity, answer: RemoteAnswer): Message;
  remoteRequest(message: Message): RemoteRequest;
}
