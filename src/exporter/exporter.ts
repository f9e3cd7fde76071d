import type { Log } from "../log.ts";
import type { StageAccount } from "../mapping/account.ts";
import type { Profile } from "../mapping/profile.ts";
import type { Span } from "../mapping/span.ts";
import type { RequestStorage } from "../storage/request-store.ts";

/** The end of a pipeline. All that send share one queue and retry (queue.ts). */
export interface Exporter<Item> {
  /** Component id: `otlp_grpc`, `debug/short`. */
  readonly id: string;
  /** Unit: spans or profiles. out is what a server took or a file holds; held is queued or in flight. */
  readonly account: StageAccount;
  /** What the queue and the connection are doing; undefined for exporters that have none. */
  readonly state?: ExporterState;
  start(): Promise<void>;
  /** Takes the items or counts them lost; never blocks, never throws. */
  consume(items: readonly Item[]): void;
  /** Sends what is queued for at most this many milliseconds from now; counts the rest as lost. */
  shutdown(deadlineMs: number): Promise<void>;
}

export type TraceExporter = Exporter<Span>;
/** As in the Collector, one instance for each signal: the id is the same. */
export type ProfileExporter = Exporter<Profile>;

/** Read at any time, for own metrics, health and pages. */
export interface ExporterState {
  /** Requests waiting or in flight, in the unit of `sending_queue.sizer`. */
  readonly queueSize: number;
  readonly queueCapacity: number;
  readonly queuedBytes: number;
  readonly inFlightRequests: number;
  /** Why the last attempt failed; undefined when it did not. */
  readonly failure: string | undefined;
  /** Requests that the destination has taken. */
  readonly sentRequests: number;
}

/** Files named by the configuration. The worker is unprivileged, so the broker may stand behind this. */
export interface FileAccess {
  read(path: string): Promise<Buffer>;
  /** A descriptor for writing; the file is emptied unless `append`. */
  open(path: string, append: boolean): Promise<number>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** The names in a folder. */
  list(folder: string): Promise<string[]>;
}

/** What an exporter gets from the service. */
export interface ExporterDeps {
  readonly log: Log;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly files: FileAccess;
  /** The storage extension of this id: the configuration was checked for it. */
  readonly storage: (id: string) => RequestStorage;
  /** stdout: data only. Whoever reads it may be gone, or the disk full. */
  readonly stdout: {
    write(text: string, done: (error?: Error | null) => void): unknown;
    readonly isTTY?: boolean;
  };
}
