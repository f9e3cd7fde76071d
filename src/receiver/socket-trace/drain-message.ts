/** What the drain thread and its owner say to each other. */
import type { MapDescriptor } from "../../bpf/map.ts";

export interface DrainThreadData {
  readonly ring: MapDescriptor;
  /** capture_pause */
  readonly pause: MapDescriptor;
  readonly batchSizeBytes: number;
  readonly batchCount: number;
  readonly maxBatchCount: number;
}

/** From the thread. Records lie in `buffer` as they lay in the ring (ring-records.ts). */
export type DrainMessage =
  | { readonly kind: "ready" }
  /** Copies of some records of batches that follow (process-news.ts): to be read before those that wait. */
  | { readonly kind: "news"; readonly records: Uint8Array<ArrayBuffer> }
  | { readonly kind: "batch"; readonly buffer: ArrayBuffer; readonly lengthBytes: number; readonly timestampNs: number }
  /** Nothing is left in the ring that was submitted before this moment. */
  | { readonly kind: "idle"; readonly timestampNs: number }
  /** More comes than can be read, and capture is paused: to be heard before what waits. */
  | { readonly kind: "overloaded" }
  /** Capture was paused, and goes on now: of the calls between these moments nothing is told. */
  | { readonly kind: "pause"; readonly fromNs: number; readonly toNs: number }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "ended" };

/** To the thread: a buffer for the next batch, or the wish that it drains what is there and ends. */
export type DrainOrder = { readonly kind: "buffer"; readonly buffer: ArrayBuffer } | { readonly kind: "stop" };
