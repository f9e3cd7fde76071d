/** What the tasks of an agent have of it. */
import type { Log } from "../../log.ts";
import type { AgentLink } from "../../trident/agent-link.ts";
import type { AgentState } from "./agent-state.ts";
import type { ControllerClient } from "./client.ts";
import type { Generation } from "./generation.ts";
import type { Identity } from "./identity.ts";
import type { TridentAgentSettings } from "./settings.ts";

export interface AgentContext {
  readonly settings: TridentAgentSettings;
  readonly log: Log;
  readonly generation: Generation;
  readonly state: AgentState;
  readonly link: AgentLink;
  /** Aborted when the agent shuts down. */
  readonly signal: AbortSignal;
  /** Grows by what the controller tells: ask anew for each call. */
  readonly who: Identity;
  /** Of the controller whose turn it is. */
  client(): ControllerClient;
  /** Ends early at a shutdown. */
  wait(ms: number): Promise<void>;
  /** From now on this agent belongs to that cluster. */
  joinCluster(kubernetesClusterId: string): void;
}
