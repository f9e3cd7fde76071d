/** The agent role: holds the conversation with a controller and tells the rest of the process through AgentLink. */

import { setTimeout as sleep } from "node:timers/promises";
import { type ChannelCredentials, status } from "@grpc/grpc-js";
import { messageOf } from "../../error.ts";
import type { Log } from "../../log.ts";
import { agentLink } from "../../trident/agent-link.ts";
import { makePrivateFolder, type UnprivilegedUser } from "../../trident/private-folder.ts";
import type { AgentContext } from "./agent-context.ts";
import { AgentState } from "./agent-state.ts";
import { ControllerClient, createCredentials } from "./client.ts";
import { type ControllerAddress, ControllerList, parseController } from "./controller-list.ts";
import type { Generation } from "./generation.ts";
import { generationV6 } from "./generation-v6.ts";
import { generationV7 } from "./generation-v7.ts";
import { findIdentity, type Identity } from "./identity.ts";
import type { TridentAgentSettings } from "./settings.ts";
import { reportCluster } from "./tasks/cluster.ts";
import { reportHost } from "./tasks/genesis.ts";
import { reportProcesses } from "./tasks/processes.ts";
import { answerRemotely } from "./tasks/remote.ts";
import { keepTime } from "./tasks/time.ts";
import { Upgrades } from "./tasks/upgrade.ts";

const EARLY_SYNC_MS = 1000;
const ESCAPE_CHECK_MS = 1000;

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
  readonly #context: AgentContext;
  readonly #upgrades: Upgrades;
  #identity: Identity | undefined;
  readonly #credentials: ChannelCredentials;
  #client: ControllerClient | undefined;
  #pushStop = new AbortController();
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
    const link = agentLink(id);
    this.state = new AgentState(link, log, settings.storage_directory, now);
    const who = (): Identity => this.#who;
    this.#context = {
      settings,
      log,
      generation: this.#generation,
      state: this.state,
      link,
      signal: this.#stop.signal,
      get who() {
        return who();
      },
      client: () => this.#current(),
      wait: (ms) => this.#wait(ms),
      joinCluster: (kubernetesClusterId) => {
        this.#identity = { ...who(), kubernetesClusterId };
      },
    };
    this.#upgrades = new Upgrades(this.#context);
  }

  /** "" until it is known, and outside of clusters. */
  get kubernetesClusterId(): string {
    return this.#identity?.kubernetesClusterId ?? "";
  }

  async start(): Promise<void> {
    this.state.load();
    this.#identity = await findIdentity(this.#settings, this.#controllers.current);
    this.#escapeTimer = setInterval(() => this.state.checkEscape(), ESCAPE_CHECK_MS);
    this.#escapeTimer.unref();
    const context = this.#context;
    this.#loops.push(this.#syncLoop(), this.#pushLoop());
    this.#loops.push(keepTime(context), reportProcesses(context), reportCluster(context));
    if (this.#settings.genesis_sync) this.#loops.push(reportHost(context));
    if (this.#settings.remote_execute) this.#loops.push(answerRemotely(context));
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
          this.#maybeUpgrade(answer);
        }
        // What we complain of shall be known soon; an agent that is new is registered by one of its next calls.
        if (this.state.report.exception !== exception) waitMs = Math.min(waitMs, EARLY_SYNC_MS);
        if (!this.state.isRegistered) waitMs = Math.min(waitMs, this.#settings.retry_interval);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#log.warn("controller can't be reached", {
          controller: endpointOf(client.address),
          error: messageOf(error),
        });
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
          if (taken === "accepted") this.#maybeUpgrade(answer);
          if (taken === "failed") waitMs = Math.max(waitMs, this.#settings.retry_interval);
        });
      } catch (error) {
        this.#log.debug("push ended", { controller: endpointOf(client.address), error: messageOf(error) });
        if (isUnreachable(error) && endpointOf(this.#controllers.current) === endpointOf(client.address)) {
          this.#controllers.failed();
        }
      }
      await this.#wait(waitMs);
    }
  }

  #maybeUpgrade({ revision, selfUpdateUrl }: { readonly revision: string; readonly selfUpdateUrl: string }): void {
    const upgrade = this.#upgrades.wanted(revision, selfUpdateUrl);
    if (upgrade !== undefined) this.#loops.push(upgrade);
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

export function createTridentAgent(
  id: string,
  settings: TridentAgentSettings,
  log: Log,
  now: () => number,
  user: UnprivilegedUser | undefined,
): TridentAgent {
  return new TridentAgent(id, settings, log, now, user);
}
