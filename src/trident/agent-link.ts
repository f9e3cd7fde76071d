/**
 * What the agent role (extension `trident`) tells the exporter `deepflow` of this process: who we are at the
 * controller and where rows go. Extensions and exporters don't know each other; they meet here by the extension's id.
 */
import { ConnectionProcesses } from "./connection-processes.ts";

export interface AgentDirectives {
  /** False: the controller has switched this agent off, or it has been away for longer than max_escape_duration. */
  readonly isEnabled: boolean;
  readonly areProfilesEnabled: boolean;
  /** 0 until the controller has registered us. */
  readonly agentId: number;
  readonly teamId: number;
  readonly organizationId: number;
  readonly vpcId: number;
  readonly ingester: { readonly host: string; readonly port: number } | undefined;
  readonly isCompressed: boolean;
  /** 0: no limit. */
  readonly maxRowsPerSecond: number;
  /** 0: no limit. */
  readonly maxBytesPerSecond: number;
  /** L7 protocol numbers that the controller wants; undefined: all. */
  readonly protocols: ReadonlySet<number> | undefined;
  /** May rows of this protocol and server port be sent? */
  readonly isPortWanted: (protocol: number, port: number) => boolean;
  /** Controller's clock minus ours; 0 while the drift is below min_drift. */
  readonly clockOffsetNs: bigint;
}

export const UNKNOWN_DIRECTIVES: AgentDirectives = {
  isEnabled: false,
  areProfilesEnabled: true,
  agentId: 0,
  teamId: 1,
  organizationId: 1,
  vpcId: 0,
  ingester: undefined,
  isCompressed: true,
  maxRowsPerSecond: 10_000,
  maxBytesPerSecond: 12_500_000,
  protocols: undefined,
  isPortWanted: () => true,
  clockOffsetNs: 0n,
};

export class AgentLink {
  /** From the exporter to the extension, and what a controller says of them back. */
  readonly connections = new ConnectionProcesses();
  #directives = UNKNOWN_DIRECTIVES;

  get directives(): AgentDirectives {
    return this.#directives;
  }

  update(directives: AgentDirectives): void {
    this.#directives = directives;
  }
}

const links = new Map<string, AgentLink>();

/** The same link for the same extension id, whoever asks first. */
export function agentLink(extensionId: string): AgentLink {
  let link = links.get(extensionId);
  if (link === undefined) {
    link = new AgentLink();
    links.set(extensionId, link);
  }
  return link;
}
