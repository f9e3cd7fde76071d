/** What `run` gives the worker through the broker, which does not look at it. */
export interface WorkerSettings {
  readonly version: string;
  /** The merged configuration, checked already: plain data. */
  readonly source: unknown;
  /** Processes of the self-test: their spans are shown and never exported. */
  readonly selfTestPids: readonly number[];
  /** How long a shutdown may take in all. */
  readonly drainTimeoutMs: number;
  /** Files that this run has written before it was reloaded: they are gone on with, not begun anew. */
  readonly keptFiles: readonly string[];
}

/** Events from the worker to `run`. */
export const WorkerEvent = {
  ready: "ready",
  failed: "failed",
  recordingFailed: "recording_failed",
  selfTest: "self_test",
  profileProgress: "profile_progress",
} as const;

export interface ReadyEvent {
  /** What listens: extension id and address, and whether its default port was taken. */
  readonly listeners: readonly { readonly id: string; readonly address: string; readonly isMoved: boolean }[];
  readonly exporters: readonly string[];
}

export interface FailedEvent {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
}

export interface SelfTestEvent {
  /** One line per span, escaped. */
  readonly lines: readonly string[];
}

/** Once a second where there is a profile receiver, and at its end. */
export interface ProfileProgressEvent {
  readonly samples: number;
  /** In user space. */
  readonly stacks: number;
  readonly completeStacks: number;
}
