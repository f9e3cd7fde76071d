/** Something beside the pipelines: health check, pages, bridge. */
export interface Extension {
  /** Component id: `health_check`, `zpages`. */
  readonly id: string;
  /** Where it listens, for the ready line; undefined when it does not. */
  readonly address: string | undefined;
  /** The default port was taken, and another one is used. */
  readonly isMoved?: boolean;
  start(): Promise<void>;
  shutdown(): Promise<void>;
}
