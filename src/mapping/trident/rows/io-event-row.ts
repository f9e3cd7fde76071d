/** A row of a PROC_EVENT frame that tells of a slow read or write of a file (proto/metric/metric.proto). */
import { WireWriter } from "../wire/wire-writer.ts";

const IO_EVENT = 1;
/** FileType of the metric protos. */
const FILE_TYPES: ReadonlyMap<string, number> = new Map([
  ["regular", 1],
  ["fifo", 2],
  ["character_device", 2],
  ["block_device", 2],
]);

export interface IoEventRow {
  readonly processId: number;
  readonly threadId: number;
  readonly coroutineId: number;
  readonly processName: string;
  readonly startTimeNs: bigint;
  readonly endTimeNs: bigint;
  readonly isRead: boolean;
  readonly sizeBytes: number;
  readonly fileName: string;
  readonly directory: string;
  readonly offsetBytes: number;
  /** sockspan.io.file_type. */
  readonly fileType: string;
}

const writer = new WireWriter();
const textEncoder = new TextEncoder();

export function encodeIoEventRow(row: IoEventRow): Uint8Array {
  writer.uint(1, row.processId);
  writer.uint(2, row.threadId);
  writer.uint(3, row.coroutineId >>> 0);
  writer.bytes(4, textEncoder.encode(row.processName));
  writer.uint64(5, row.startTimeNs);
  writer.uint64(6, row.endTimeNs);
  writer.uint(7, IO_EVENT);
  writer.message(8, () => {
    writer.uint(1, row.sizeBytes);
    writer.uint(2, row.isRead ? 1 : 0);
    writer.uint64(3, row.endTimeNs - row.startTimeNs);
    writer.bytes(4, textEncoder.encode(row.fileName));
    writer.uint64(5, BigInt(row.offsetBytes));
    writer.bytes(8, textEncoder.encode(row.directory));
    writer.uint(9, FILE_TYPES.get(row.fileType) ?? 0);
  });
  return writer.take();
}
