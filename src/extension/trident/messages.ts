/** What goes between agent and controller, in one shape for both generations. */

export interface SyncReport {
  readonly isConfigAccepted: boolean;
  readonly exception: bigint;
  readonly exceptionDescription: string;
  readonly versions: Versions;
  readonly isEnabled: boolean;
}

export interface Versions {
  readonly platformData: bigint;
  readonly acls: bigint;
  readonly groups: bigint;
}

export const NO_VERSIONS: Versions = { platformData: 0n, acls: 0n, groups: 0n };

export interface ControllerAnswer {
  readonly status: "success" | "failed" | "heartbeat" | "cluster_id_not_found";
  /** Parsed; undefined: none in the message. */
  readonly config: { readonly tree: unknown } | undefined;
  /** Why the configuration could not even be parsed. */
  readonly configProblem: string | undefined;
  readonly revision: string;
  readonly selfUpdateUrl: string;
  /** Versions are left out. */
  readonly isPartial: boolean;
  readonly versions: Versions;
  /** undefined: nothing is said of it, what was known stays. */
  readonly dynamic: DynamicPart | undefined;
}

export interface DynamicPart {
  readonly isEnabled: boolean;
  readonly agentId: number;
  readonly vpcId: number;
  readonly teamId: number;
  readonly organizationId: number;
  readonly groupId: string;
  readonly isKubernetesApiEnabled: boolean;
}

export interface GenesisFacts {
  readonly version: bigint;
  readonly agentId: number;
  /** undefined: a heartbeat. */
  readonly data:
    | {
        readonly interfaces: readonly {
          readonly name: string;
          readonly mac: bigint;
          readonly ips: readonly string[];
          readonly index: number;
        }[];
        readonly processes: readonly { readonly pid: number; readonly name: string; readonly startTimeS: number }[];
      }
    | undefined;
}

export interface UpgradePart {
  readonly isFailed: boolean;
  readonly content: Uint8Array;
  readonly md5: string;
  readonly totalBytes: bigint;
  readonly pieces: number;
  readonly k8sImage: string;
}

export interface RemoteRequest {
  readonly requestId: bigint;
  /** undefined: an answer to a heartbeat. */
  readonly kind: "list_command" | "list_namespace" | "run_command" | "other" | undefined;
  readonly command: string;
}

export interface RemoteAnswer {
  readonly requestId: bigint | undefined;
  readonly error: string | undefined;
  readonly commands: readonly { readonly id: number; readonly ident: string }[];
  readonly output: Uint8Array | undefined;
  readonly md5: string;
}
