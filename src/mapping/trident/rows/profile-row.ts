/** A row of a PROFILE frame: one folded stack with its count (proto/metric/metric.proto). */
import { WireWriter } from "../wire/wire-writer.ts";

/** Profile.event_type. */
export const ProfileEvent = {
  external: 0,
  onCpu: 1,
  offCpu: 2,
  memoryAllocated: 3,
  memoryInUse: 4,
  hbmAllocated: 5,
  hbmInUse: 6,
} as const;
export type ProfileEvent = (typeof ProfileEvent)[keyof typeof ProfileEvent];

export interface ProfileRow {
  /** Frames from the root, `;` between them; a first frame `[p] name` or `[t] name` names the process or thread. */
  readonly stack: string;
  readonly timestampNs: bigint;
  readonly event: ProfileEvent;
  /** When the process started. */
  readonly processStartNs: bigint;
  readonly processId: number;
  readonly threadId: number;
  readonly threadName: string;
  readonly processName: string;
  readonly cpu: number;
  /** Microseconds on or off the CPU, or bytes of memory. */
  readonly count: number;
  readonly sampleRateHz: number;
}

const writer = new WireWriter();
const textEncoder = new TextEncoder();

/** The data is sent as it is; `data_compressed` (zstd) only saves bytes that a frame's own compression would. */
export function encodeProfileRow(row: ProfileRow): Uint8Array {
  writer.uint(5, row.sampleRateHz);
  writer.bytes(11, textEncoder.encode(row.stack));
  writer.uint64(20, row.timestampNs);
  writer.uint(21, row.event);
  writer.uint64(22, row.processStartNs);
  writer.uint(23, row.processId);
  writer.uint(24, row.threadId);
  writer.string(25, row.threadName);
  writer.string(26, row.processName);
  writer.uint(29, row.cpu);
  writer.uint(30, row.count);
  writer.uint64(34, BigInt(row.count));
  return writer.take();
}
