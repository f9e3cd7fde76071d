/** The agent role: holds the conversation with a controller and tells the rest of the process through AgentLink. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "@bufbuild/protobuf";
import { type ChannelCredentials, status } from "@grpc/grpc-js";
import type { Log } from "../../log.ts";
import { ntpOffsetNs, ntpRequest } from "../../mapping/trident/ntp.ts";
import { agentLink } from "../../trident/agent-link.ts";
import { makePrivateFolder, type UnprivilegedUser } from "../../trident/private-folder.ts";
import { AgentState } from "./agent-state.ts";
import { ControllerClient, createCredentials, watch } from "./client.ts";
import { type ControllerAddress, ControllerList, parseController } from "./controller-list.ts";
import type { Generation } from "./generation.ts";
import { generationV6 } from "./generation-v6.ts";
import { generationV7 } from "./generation-v7.ts";
import { readHostFacts } from "./host-facts.ts";
import { findIdentity, type Identity } from "./identity.ts";
import type { RemoteAnswer } from "./messages.ts";
import { answerRemote } from "./remote-execute.ts";
import type { TridentAgentSettings } from "./settings.ts";
import { handOver, UpgradeReceiver } from "./upgrade.ts";

const EARLY_SYNC_MS = 1000;
const ESCAPE_CHECK_MS = 1000;
const MAX_NTP_INTERVAL_MS = 60_000;
const REMOTE_HEARTBEAT_MS = 30_000;

export class TridentAgent {
  readonly id: string;
  /** It calls, it does not listen. */
  readonly address = undefined;
  readonly state: AgentState;
  readonly #settings: TridentAgentSettings;
  readonly #log: Log;
  readonly #generation: Generation;
  readonly #controllers: ControllerList;
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[] = [];
  #identity: Identity | undefined;
  readonly #credentials: ChannelCredentials;
  #client: ControllerClient | undefined;
  #pushStop = new AbortController();
  #upgradedTo = "";
  #escapeTimer: NodeJS.Timeout | undefined;
  syncs = 0;
  pushes = 0;

  constructor(id: string, settings: TridentAgentSettings, log: Log, now: () => number, user?: UnprivilegedUser) {
    this.id = id;
    this.#settings = settings;
    this.#log = log;
    this.#generation = settings.generation === "agent" ? generationV7 : generationV6;
    // Keys are read and folders made now: later this process may be another user.
    this.#credentials = createCredentials(settings);
    for (const folder of [settings.storage_directory, settings.upgrade?.directory]) {
      if (folder !== undefined) makePrivateFolder(folder, user);
    }
    this.#controllers = new ControllerList(settings.controllers.map(parseController), now);
    this.state = new AgentState(agentLink(id), log, settings.storage_directory, now);
  }

  async start(): Promise<void> {
    this.state.load();
    this.#identity = await findIdentity(this.#settings, this.#controllers.current);
    this.#escapeTimer = setInterval(() => this.state.checkEscape(), ESCAPE_CHECK_MS);
    this.#escapeTimer.unref();
    this.#loops.push(this.#syncLoop(), this.#pushLoop(), this.#ntpLoop());
    if (this.#settings.genesis_sync) this.#loops.push(this.#genesisLoop());
    if (this.#settings.kubernetes_cluster_id !== "") this.#loops.push(this.#clusterLoop());
    if (this.#settings.remote_execute) this.#loops.push(this.#remoteLoop());
  }

  async shutdown(): Promise<void> {
    this.#stop.abort();
    this.#pushStop.abort();
    clearInterval(this.#escapeTimer);
    this.#client?.close();
    await Promise.all(this.#loops);
  }

  async #syncLoop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const client = this.#current();
      const exception = this.state.report.exception;
      let waitMs = this.#settings.retry_interval;
      try {
        const request = this.#generation.sync(this.#who, this.state.report);
        const answer = this.#generation.answer(await client.unary(this.#generation.methods.sync, request));
        this.syncs++;
        const taken = this.state.take(answer, endpointOf(client.address));
        if (taken === "accepted") {
          this.#useProxy();
          waitMs = this.state.config?.syncIntervalMs ?? waitMs;
          this.#maybeUpgrade(answer.revision, answer.selfUpdateUrl);
        }
        // What we complain of shall be known soon; an agent that is new is registered by one of its next calls.
        if (this.state.report.exception !== exception) waitMs = Math.min(waitMs, EARLY_SYNC_MS);
        if (!this.state.isRegistered) waitMs = Math.min(waitMs, this.#settings.retry_interval);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#log.warn("controller can't be reached", { controller: endpointOf(client.address), error: textOf(error) });
        this.state.callFailed();
        this.#controllers.failed();
      }
      await this.#wait(waitMs);
    }
  }

  async #pushLoop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // Before the first Sync there is nothing that a push could change.
      if (this.state.config === undefined || this.syncs === 0) {
        await this.#wait(Math.min(200, this.#settings.retry_interval));
        continue;
      }
      this.#pushStop = new AbortController();
      const client = this.#current();
      let waitMs = this.#settings.push_reconnect_interval;
      try {
        const request = this.#generation.sync(this.#who, this.state.report);
        await client.stream(this.#generation.methods.push, request, this.#pushStop.signal, (message) => {
          const answer = this.#generation.answer(message);
          this.pushes++;
          const taken = this.state.take(answer, endpointOf(client.address));
          if (taken === "accepted") this.#maybeUpgrade(answer.revision, answer.selfUpdateUrl);
          if (taken === "failed") waitMs = Math.max(waitMs, this.#settings.retry_interval);
        });
      } catch (error) {
        this.#log.debug("push ended", { controller: endpointOf(client.address), error: textOf(error) });
        if (isUnreachable(error) && endpointOf(this.#controllers.current) === endpointOf(client.address)) {
          this.#controllers.failed();
        }
      }
      await this.#wait(waitMs);
    }
  }

  async #ntpLoop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const { config } = this.state;
      if (config?.isNtpEnabled) {
        try {
          await this.#askTime();
        } catch (error) {
          this.#log.debug("query failed", { error: textOf(error) });
        }
      }
      await this.#wait(config?.isNtpEnabled ? Math.min(config.syncIntervalMs, MAX_NTP_INTERVAL_MS) : EARLY_SYNC_MS);
    }
  }

  /** The host's clock is never set: only time stamps of rows are corrected. */
  async #askTime(): Promise<void> {
    const cookie = randomBytes(8).readBigUInt64BE();
    const sentNs = BigInt(Date.now()) * 1_000_000n;
    const request = this.#generation.query(this.#who, ntpRequest(cookie));
    const response = await this.#current().unary(this.#generation.methods.query, request);
    const receivedNs = BigInt(Date.now()) * 1_000_000n;
    const offsetNs = ntpOffsetNs(this.#generation.queryAnswer(response), cookie, sentNs, receivedNs);
    if (offsetNs === undefined) this.#log.warn("the controller's answer about the time is none");
    else this.state.clockOffset(offsetNs);
  }

  async #genesisLoop(): Promise<void> {
    let version = BigInt(Math.floor(Date.now() / 1000));
    let heldVersion = 0n;
    let lastData = "";
    while (!this.#stop.signal.aborted) {
      if (this.state.isRegistered) {
        const data = readHostFacts(this.state.config?.areProcessesReported ?? false);
        const text = JSON.stringify(data, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
        if (text !== lastData) {
          lastData = text;
          version++;
        }
        const { agentId } = this.state.dynamic;
        const facts = { version, agentId, data: heldVersion === version ? undefined : data };
        try {
          const request = this.#generation.genesis(this.#who, facts);
          const response = await this.#current().unary(this.#generation.methods.genesisSync, request);
          heldVersion = this.#generation.genesisVersion(response);
        } catch (error) {
          this.#log.debug("genesis sync failed", { error: textOf(error) });
        }
      }
      await this.#wait(
        this.state.isRegistered ? (this.state.config?.genesisIntervalMs ?? EARLY_SYNC_MS) : EARLY_SYNC_MS,
      );
    }
  }

  /** We watch no cluster: valid messages without entries, when the controller asks for them. */
  async #clusterLoop(): Promise<void> {
    const version = BigInt(Math.floor(Date.now() / 1000));
    const { kubernetesApiSync, prometheusApiSync } = this.#generation.methods;
    while (!this.#stop.signal.aborted) {
      const { isKubernetesApiEnabled, agentId } = this.state.dynamic;
      if (isKubernetesApiEnabled) {
        try {
          await this.#current().unary(kubernetesApiSync, this.#generation.kubernetes(this.#who, agentId, version));
          if (prometheusApiSync !== undefined) {
            await this.#current().unary(prometheusApiSync, this.#generation.prometheus(this.#who, agentId, version));
          }
        } catch (error) {
          this.#log.debug("cluster sync failed", { error: textOf(error) });
        }
      }
      await this.#wait(this.state.config?.genesisIntervalMs ?? this.#settings.retry_interval);
    }
  }

  async #remoteLoop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (this.state.isRegistered) {
        const call = this.#current().bidirectional(this.#generation.methods.remoteExecute);
        const write = (answer: RemoteAnswer): void => {
          call.write(this.#generation.remoteAnswer(this.#who, answer));
        };
        const beat = (): void =>
          write({ requestId: undefined, error: undefined, commands: [], output: undefined, md5: "" });
        const timer = setInterval(beat, REMOTE_HEARTBEAT_MS);
        beat();
        try {
          await watch(call, this.#stop.signal, (message: Message) => {
            const answer = answerRemote(this.#generation.remoteRequest(message));
            if (answer !== undefined) write(answer);
          });
        } catch (error) {
          this.#log.debug("remote execute ended", { error: textOf(error) });
        }
        clearInterval(timer);
      }
      await this.#wait(this.#settings.retry_interval);
    }
  }

  #maybeUpgrade(revision: string, url: string): void {
    const isWanted = revision !== "" && !this.#who.revision.includes(revision) && this.#upgradedTo !== revision;
    if (!isWanted || url.trim().toLowerCase() !== "grpc") return;
    this.#upgradedTo = revision;
    const { upgrade } = this.#settings;
    if (upgrade === undefined) {
      this.#log.warn("the controller wants another revision; upgrades are not configured", { revision });
      return;
    }
    this.#loops.push(this.#upgrade(revision, upgrade));
  }

  async #upgrade(revision: string, settings: NonNullable<TridentAgentSettings["upgrade"]>): Promise<void> {
    const receiver = new UpgradeReceiver(settings);
    try {
      await receiver.start();
      const request = this.#generation.upgrade(this.#who);
      await this.#current().stream(this.#generation.methods.upgrade, request, this.#stop.signal, (message) =>
        receiver.take(this.#generation.upgradePart(message)),
      );
      const path = await receiver.finish();
      this.#log.info("upgrade package is whole, handed to the operator's command", { revision, path });
      const code = await handOver(settings.command, path);
      this.#log.info("the operator's upgrade command has ended", { code });
    } catch (error) {
      await receiver.discard();
      this.#log.error("upgrade refused", { revision, error: textOf(error) });
    }
  }

  get #who(): Identity {
    if (this.#identity === undefined) throw new Error("not started");
    return this.#identity;
  }

  /** The client of the controller whose turn it is; streams to another one end. */
  #current(): ControllerClient {
    const address = this.#controllers.current;
    if (this.#client !== undefined && endpointOf(this.#client.address) === endpointOf(address)) return this.#client;
    this.#pushStop.abort();
    this.#client?.close();
    this.#client = new ControllerClient(address, this.#settings, this.#credentials);
    return this.#client;
  }

  #useProxy(): void {
    const { config } = this.state;
    const host = config?.proxyControllerHost;
    this.#controllers.setProxy(
      config === undefined || host === undefined ? undefined : { host, port: config.proxyControllerPort },
    );
  }

  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
  }
}

function endpointOf({ host, port }: ControllerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function isUnreachable(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === status.UNAVAILABLE;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function createTridentAgent(
  id: string,
  settings: TridentAgentSettings,
  log: Log,
  now: () => number,
  user: UnprivilegedUser | undefined,
): TridentAgent {
  return new TridentAgent(id, settings, log, now, user);
}
