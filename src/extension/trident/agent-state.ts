/** What the controller has decided so far, and what we have to tell it. Takes answers; does no calls itself. */

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { messageOf } from "../../error.ts";
import type { Log } from "../../log.ts";
import { type AgentConfig, readAgentConfig } from "../../mapping/trident/config/agent-config.ts";
import { AgentException } from "../../mapping/trident/exception.ts";
import { type AgentLink, UNKNOWN_DIRECTIVES } from "../../trident/agent-link.ts";
import { type ControllerAnswer, type DynamicPart, NO_VERSIONS, type SyncReport, type Versions } from "./messages.ts";

const stored = z.object({
  tree: z.unknown(),
  agentId: z.number().int().nonnegative(),
  vpcId: z.number().int(),
  teamId: z.number().int(),
  organizationId: z.number().int(),
});

const NOT_REGISTERED: DynamicPart = {
  isEnabled: false,
  agentId: 0,
  vpcId: 0,
  teamId: 1,
  organizationId: 1,
  groupId: "",
  isKubernetesApiEnabled: false,
};

/** What came of an answer. */
type Taken = "accepted" | "refused" | "failed" | "nothing";

export class AgentState {
  readonly #link: AgentLink;
  readonly #log: Log;
  readonly #file: string | undefined;
  readonly #now: () => number;
  #config: AgentConfig | undefined;
  #dynamic = NOT_REGISTERED;
  #versions: Versions = NO_VERSIONS;
  #exception: bigint = AgentException.none;
  #exceptionDescription = "";
  #clockOffsetNs = 0n;
  #lastSuccessMs: number;
  #hasEscaped = false;
  #lastStored = "";
  #lastCapture = "";
  #said = "";

  constructor(link: AgentLink, log: Log, storageDirectory: string | undefined, now: () => number) {
    this.#link = link;
    this.#log = log;
    this.#now = now;
    this.#file = storageDirectory === undefined ? undefined : join(storageDirectory, "trident-agent.json");
    this.#lastSuccessMs = now();
  }

  get config(): AgentConfig | undefined {
    return this.#config;
  }

  get dynamic(): DynamicPart {
    return this.#dynamic;
  }

  get hasEscaped(): boolean {
    return this.#hasEscaped;
  }

  get isRegistered(): boolean {
    return this.#dynamic.agentId !== 0;
  }

  get report(): SyncReport {
    return {
      isConfigAccepted: (this.#exception & AgentException.invalidConfiguration) === 0n,
      exception: this.#exception,
      exceptionDescription: this.#exceptionDescription,
      versions: this.#versions,
      isEnabled: this.#dynamic.isEnabled && !this.#hasEscaped,
    };
  }

  /** The last good configuration, for the time until a controller answers. */
  load(): void {
    if (this.#file === undefined || !existsSync(this.#file)) return;
    try {
      const { tree, ...ids } = stored.parse(JSON.parse(readFileSync(this.#file, "utf8")));
      const result = readAgentConfig(tree);
      if (result.kind === "refused") throw new Error(result.problems.join("; "));
      this.#config = result.config;
      this.#dynamic = { ...NOT_REGISTERED, ...ids, isEnabled: true };
      this.#publish();
      this.#log.info("configuration of the last run taken until a controller answers", { agent_id: ids.agentId });
    } catch (error) {
      this.#log.warn("configuration of the last run can't be used", {
        path: this.#file,
        error: messageOf(error),
      });
    }
  }

  take(answer: ControllerAnswer, controller: string): Taken {
    if (answer.status === "heartbeat") return "nothing";
    if (answer.status !== "success") {
      this.#sayOnce(`controller answers ${answer.status}`, { controller });
      return "failed";
    }
    if (answer.config === undefined)
      return this.#refuse(answer.configProblem ?? "no configuration in the answer", controller);
    const result = readAgentConfig(answer.config.tree);
    if (result.kind === "refused") return this.#refuse(result.problems.join("; "), controller);
    this.#lastSuccessMs = this.#now();
    this.#hasEscaped = false;
    this.#exception &= ~(AgentException.invalidConfiguration | AgentException.controllerSocketError);
    this.#exceptionDescription = "";
    this.#config = result.config;
    if (answer.dynamic !== undefined) this.#dynamic = answer.dynamic;
    if (!answer.isPartial) this.#versions = answer.versions;
    const { ignoredKeys, unknownKeys } = result.config;
    this.#sayOnce("configuration accepted", {
      controller,
      agent_id: this.#dynamic.agentId,
      enabled: this.#dynamic.isEnabled,
      ignored_keys: ignoredKeys.length,
      unknown_keys: unknownKeys.slice(0, 20).join(" "),
    });
    this.#publish();
    if (this.#dynamic.isEnabled) this.#store(answer.config.tree);
    this.#storeCapture(result.config.captureSettings);
    return "accepted";
  }

  /** The controller can't be reached. */
  callFailed(): void {
    this.#exception |= AgentException.controllerSocketError;
  }

  clockOffset(offsetNs: bigint): void {
    const drift = offsetNs < 0n ? -offsetNs : offsetNs;
    const minDriftNs = BigInt(Math.round((this.#config?.ntpMinDriftMs ?? 0) * 1e6));
    const next = drift >= minDriftNs ? offsetNs : 0n;
    if (next === this.#clockOffsetNs) return;
    this.#clockOffsetNs = next;
    this.#publish();
  }

  /** Called now and then: without a controller for too long, an agent stops. */
  checkEscape(): void {
    if (this.#hasEscaped || this.#config === undefined) return;
    if (this.#now() - this.#lastSuccessMs < this.#config.maxEscapeMs) return;
    this.#hasEscaped = true;
    this.#log.warn("no controller for max_escape_duration, nothing is sent until one answers");
    this.#publish();
  }

  #refuse(problem: string, controller: string): Taken {
    this.#exception |= AgentException.invalidConfiguration;
    this.#exceptionDescription = `invalid config: ${problem}`.slice(0, 1000);
    this.#sayOnce("configuration refused, the one before stays", { controller, problem });
    return "refused";
  }

  #publish(): void {
    const config = this.#config;
    if (config === undefined) return;
    const { excludedPorts, includedPorts, protocolPorts } = config;
    const hasPorts = !excludedPorts.isEmpty || !includedPorts.isEmpty || protocolPorts.size > 0;
    this.#link.update({
      isEnabled: this.#dynamic.isEnabled && config.isCaptureEnabled && !this.#hasEscaped,
      areProfilesEnabled: config.areProfilesEnabled,
      agentId: this.#dynamic.agentId,
      teamId: this.#dynamic.teamId || 1,
      organizationId: this.#dynamic.organizationId || 1,
      vpcId: this.#dynamic.vpcId,
      ingester: config.ingester,
      isCompressed: config.isCompressed,
      maxRowsPerSecond: config.maxRowsPerSecond,
      maxBytesPerSecond: config.maxBytesPerSecond,
      protocols: config.protocols,
      isPortWanted: hasPorts
        ? (protocol, port) =>
            !excludedPorts.has(port) &&
            (includedPorts.isEmpty || includedPorts.has(port)) &&
            (protocolPorts.get(protocol)?.has(port) ?? true)
        : UNKNOWN_DIRECTIVES.isPortWanted,
      clockOffsetNs: config.isNtpEnabled ? this.#clockOffsetNs : 0n,
    });
  }

  #store(tree: unknown): void {
    if (this.#file === undefined) return;
    const { agentId, vpcId, teamId, organizationId } = this.#dynamic;
    const text = JSON.stringify({ tree, agentId, vpcId, teamId, organizationId });
    if (text === this.#lastStored) return;
    this.#lastStored = text;
    this.#write(this.#file, text);
  }

  /** A fragment of sockspan's own configuration: what the capture side takes of the controller's. */
  #storeCapture(settings: ReadonlyMap<string, unknown>): void {
    const text = stringify(nested(settings));
    if (this.#file === undefined || text === this.#lastCapture) return;
    this.#lastCapture = text;
    this.#write(join(this.#file, "../capture.yaml"), text);
  }

  #write(path: string, text: string): void {
    try {
      writeFileSync(`${path}.new`, text, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      this.#sayOnce("configuration can't be kept", {
        path,
        error: messageOf(error),
      });
    }
  }

  /** The same words again and again are said once. */
  #sayOnce(message: string, fields: Record<string, string | number | boolean>): void {
    const said = `${message} ${JSON.stringify(fields)}`;
    if (said === this.#said) return;
    this.#said = said;
    if (/accepted/.test(message)) this.#log.info(message, fields);
    else this.#log.warn(message, fields);
  }
}

/** `a.b.c -> 1` as `{ a: { b: { c: 1 } } }`. */
function nested(settings: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const [path, value] of settings) {
    const keys = path.split(".");
    let node = tree;
    for (const key of keys.slice(0, -1)) {
      const inner = (node[key] ?? {}) as Record<string, unknown>;
      node[key] = inner;
      node = inner;
    }
    node[keys.at(-1) ?? ""] = value;
  }
  return tree;
}
