/** What the profiler's thread and its owner say to each other. */
import type { CaptureDescriptors } from "../../ipc/messages.ts";
import type { Attribute } from "../../mapping/span.ts";
import type { ExecFacts } from "../process-table.ts";
import type { PackedSamples } from "./pack-samples.ts";

export interface ProfileThreadData {
  readonly capture: CaptureDescriptors;
  /** A stream to the broker. */
  readonly channelFd: number;
  readonly rowLimit: number;
  /** Processes whose samples are thrown away. */
  readonly ownTgids: readonly number[];
  /** Where there are any, the samples of all others are thrown away too. */
  readonly onlyTgids: readonly number[];
}

export type ProcessChange =
  | {
      readonly kind: "forked";
      readonly tgid: number;
      readonly parentTgid: number;
      readonly startTimeNs: number;
      readonly comm: string;
    }
  | {
      readonly kind: "executed";
      readonly tgid: number;
      readonly startTimeNs: number;
      readonly comm: string;
      readonly exec: ExecFacts | undefined;
    }
  | { readonly kind: "exited"; readonly tgid: number; readonly timestampNs: number }
  /** An SDK in the process says who it is (OTEP 4719). */
  | { readonly kind: "described"; readonly tgid: number; readonly attributes: readonly Attribute[] };

/** How well stacks are unwound; all but the last three only grow. */
export interface UnwindCounters {
  /** User stacks by how they ended: `bottom` is complete. */
  readonly ends: Readonly<Record<string, number>>;
  readonly unexplained: number;
  readonly imagesCompiled: number;
  readonly imagesRefused: number;
  readonly processesDescribed: number;
  readonly processesRefused: number;
  readonly rowsUsed: number;
  readonly mappingsUsed: number;
  /** That are being described. */
  readonly processesPending: number;
}

export interface ProfileBatch {
  readonly kind: "batch";
  readonly samples: PackedSamples;
  readonly changes: readonly ProcessChange[];
  readonly damagedRecords: number;
  /** Samples that were thrown away. */
  readonly leftOut: number;
  /** CLOCK_MONOTONIC: everything that was submitted before is in this batch or an earlier one. */
  readonly timestampNs: number;
  readonly counters: UnwindCounters;
}

/** From the thread. */
export type ProfileMessage =
  | { readonly kind: "ready" }
  /** What `describe` wanted is done. */
  | { readonly kind: "described" }
  | ProfileBatch
  | { readonly kind: "failed"; readonly message: string }
  /** Unnamed: samples whose names did not come in time; they are in no batch. */
  | { readonly kind: "ended"; readonly unnamed: number };

/** To the thread. */
export type ProfileOrder =
  /** These run already: their tables are made before the first sample. */
  | { readonly kind: "describe"; readonly tgids: readonly number[] }
  | { readonly kind: "stop"; readonly limitMs: number };
