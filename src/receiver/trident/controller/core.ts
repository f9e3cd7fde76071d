/** What a controller knows and decides, whichever generation asks. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Log } from "../../../log.ts";
import { StageAccount } from "../../../mapping/account.ts";
import { ntpResponse } from "../../../mapping/trident/ntp.ts";
import { SecondBudget } from "../../../mapping/trident/second-budget.ts";
import { TridentFileError } from "../error.ts";
import { type ControllerSettings, splitAddress } from "../settings.ts";
import { type Agent, AgentRegistry } from "./agent-registry.ts";
import { type Addresses, type AgentAnswer, reachable, withAddresses } from "./answer.ts";
import { GroupStore } from "./group-store.ts";
import { ProcessIds } from "./process-ids.ts";

/** What a Sync or Push says, whichever generation it comes from. */
export interface SyncFacts {
  readonly ctrlIp: string;
  readonly ctrlMac: string;
  readonly teamId: string;
  readonly host: string;
  readonly groupRequest: string;
  readonly revision: string;
  readonly kubernetesClusterId: string;
  /** Where the agent believes us to be. */
  readonly authority: string;
  readonly versionPlatformData: bigint;
  readonly versionAcls: bigint;
  readonly versionGroups: bigint;
}

interface UpgradePiece {
  readonly content: Uint8Array;
  readonly md5: string;
  readonly totalBytes: bigint;
  readonly pieces: number;
}

/** A Push that is held open. */
export interface PushStream {
  /** Everything, whether the agent has it or not. */
  refresh(): void;
  heartbeat(): void;
  end(): void;
}

const UPGRADE_PIECE_BYTES = 512 * 1024;
/** MAC and addresses of one host; more is nonsense. */
const MAX_INTERFACES = 1024;
const MAX_PEERS = 65_536;

export class ControllerCore {
  /** Unit: call. */
  readonly account = new StageAccount("trident_controller", "call");
  readonly registry: AgentRegistry;
  readonly groups: GroupStore;
  readonly processIds = new ProcessIds();
  readonly streams = new Set<PushStream>();
  readonly #settings: ControllerSettings;
  readonly #addresses: Addresses;
  readonly #now: () => number;
  readonly #calls = new SecondBudget();
  readonly #callsOf = new Map<string, SecondBudget>();
  #versionPlatformData: bigint;
  readonly #versionFixed: bigint;
  readonly #platformData = new Map<string, { version: bigint; bytes: Uint8Array }>();
  #upgrade: { readonly pieces: readonly UpgradePiece[]; readonly k8sImage: string | undefined } | undefined;

  constructor(settings: ControllerSettings, ingesterEndpoint: string | undefined, log: Log, now: () => number) {
    this.#settings = settings;
    this.#now = now;
    const ingester = settings.advertise_ingester ?? ingesterEndpoint;
    this.#addresses = {
      controller: splitAddress(settings.advertise_controller ?? settings.endpoint),
      ingester: ingester === undefined ? undefined : splitAddress(ingester),
    };
    this.registry = new AgentRegistry(settings.max_agents, settings.storage_directory);
    this.groups = new GroupStore(settings.groups_directory, log);
    // Not zero, and above what agents have from a run before.
    this.#versionFixed = BigInt(Math.floor(Date.now() / 1000));
    this.#versionPlatformData = this.#versionFixed;
  }

  load(): void {
    this.registry.load();
    this.groups.reload();
    const { upgrade } = this.#settings;
    if (upgrade === undefined) return;
    this.#upgrade = { pieces: upgrade.file === undefined ? [] : cutUp(upgrade.file), k8sImage: upgrade.k8s_image };
  }

  /** The port that was given when the settings said 0. */
  useControllerPort(port: number): void {
    if (this.#addresses.controller.port === 0) Object.assign(this.#addresses.controller, { port });
  }

  /**
   * False: too many calls this second, of this peer or of all.
   * @param peer `address:port`, as gRPC gives it
   */
  admit(peer: string): boolean {
    this.account.addIn();
    const nowMs = this.#now();
    const own = this.#budgetOf(peer.replace(/:\d+$/, ""));
    if (own.take(1, this.#settings.max_calls_per_second_per_peer, nowMs) === 0) {
      this.account.addLost("peer_rate");
      return false;
    }
    if (this.#calls.take(1, this.#settings.max_calls_per_second, nowMs) === 1) return true;
    this.account.addLost("rate");
    return false;
  }

  answered(name: string): void {
    this.account.addConsumed(name);
  }

  /** undefined: the agent is refused. */
  sync(
    facts: SyncFacts,
    isComplete: boolean,
    platformDataOf: (agents: Iterable<Agent>, vpcId: number) => Uint8Array,
    generation: string,
  ): AgentAnswer | undefined {
    if (facts.ctrlIp === "") return undefined;
    const known = this.groups.has(facts.groupRequest) ? facts.groupRequest : "default";
    const agent = this.registry.register(keyOf(facts.ctrlIp, facts.ctrlMac), facts.host, known);
    if (agent === undefined) return undefined;
    agent.lastSeenMs = this.#now();
    agent.revision = facts.revision;
    const { upgrade, vpc_id } = this.#settings;
    const isNew = upgrade !== undefined && !facts.revision.includes(upgrade.revision);
    const versions = { platformData: this.#versionPlatformData, acls: this.#versionFixed, groups: this.#versionFixed };
    const needsPlatform = isComplete || facts.versionPlatformData !== versions.platformData;
    return {
      agentId: agent.id,
      hostname: agent.host,
      groupName: agent.groupName,
      vpcId: vpc_id,
      config: withAddresses(this.groups.treeOf(agent.groupName), reachable(this.#addresses, facts.authority)),
      revision: isNew ? upgrade.revision : "",
      versions,
      platformData: needsPlatform ? this.#platform(generation, platformDataOf) : undefined,
      hasOldAcls: isComplete || facts.versionAcls !== versions.acls,
      hasOldGroups: isComplete || facts.versionGroups !== versions.groups,
      isInPod: facts.kubernetesClusterId !== "",
    };
  }

  ntp(request: Uint8Array): Uint8Array {
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    return ntpResponse(request, nowNs, nowNs) ?? new Uint8Array(0);
  }

  /**
   * The version that is held afterwards. Version 0 is ignored; without data it is a heartbeat.
   * @param interfaces undefined: a heartbeat
   */
  genesis(
    key: string,
    version: bigint,
    interfaces: readonly { mac: bigint; ips: readonly string[] }[] | undefined,
  ): bigint {
    const agent = this.registry.find(key);
    if (agent === undefined || version === 0n || interfaces === undefined) return agent?.genesisVersion ?? 0n;
    const next = new Map(
      interfaces.slice(0, MAX_INTERFACES).map(({ mac, ips }) => [mac, ips.slice(0, MAX_INTERFACES)]),
    );
    if (!isSame(agent.interfaces, next)) {
      agent.interfaces = next;
      this.#versionPlatformData++;
    }
    agent.genesisVersion = version;
    return version;
  }

  /** A new version without entries gets the old one back, so that the agent sends them. */
  kubernetes(agentId: number, version: bigint, entries: number): bigint | undefined {
    const agent = agentId === 0 ? undefined : this.registry.findById(agentId);
    if (agent === undefined) return undefined;
    if (entries > 0) agent.kubernetesVersion = version;
    return agent.kubernetesVersion;
  }

  clusterId(caMd5: string): string {
    return `d-${createHash("sha256").update(caMd5).digest("hex").slice(0, 10)}`;
  }

  upgradeOf(
    key: string,
  ): { readonly pieces: readonly UpgradePiece[]; readonly k8sImage: string | undefined } | undefined {
    if (this.registry.find(key) === undefined) return undefined;
    return this.#upgrade;
  }

  /** False: as many streams as may be. */
  hold(stream: PushStream): boolean {
    if (this.streams.size >= this.#settings.max_push_streams) return false;
    this.streams.add(stream);
    return true;
  }

  #budgetOf(host: string): SecondBudget {
    let budget = this.#callsOf.get(host);
    if (budget === undefined) {
      if (this.#callsOf.size >= MAX_PEERS) this.#callsOf.clear();
      budget = new SecondBudget();
      this.#callsOf.set(host, budget);
    }
    return budget;
  }

  #platform(generation: string, make: (agents: Iterable<Agent>, vpcId: number) => Uint8Array): Uint8Array {
    const held = this.#platformData.get(generation);
    if (held?.version === this.#versionPlatformData) return held.bytes;
    const bytes = make(this.registry.agents, this.#settings.vpc_id);
    this.#platformData.set(generation, { version: this.#versionPlatformData, bytes });
    return bytes;
  }
}

export function keyOf(ctrlIp: string, ctrlMac: string): string {
  return `${ctrlIp}-${ctrlMac}`;
}

function isSame(a: ReadonlyMap<bigint, readonly string[]>, b: ReadonlyMap<bigint, readonly string[]>): boolean {
  return a.size === b.size && [...a].every(([mac, ips]) => b.get(mac)?.join() === ips.join());
}

function cutUp(path: string): UpgradePiece[] {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    throw new TridentFileError("controller.upgrade.file", path, error);
  }
  const md5 = createHash("md5").update(content).digest("hex");
  const pieces = Math.ceil(content.length / UPGRADE_PIECE_BYTES);
  return Array.from({ length: pieces }, (_, index) => ({
    content: content.subarray(index * UPGRADE_PIECE_BYTES, (index + 1) * UPGRADE_PIECE_BYTES),
    md5,
    totalBytes: BigInt(content.length),
    pieces,
  }));
}
