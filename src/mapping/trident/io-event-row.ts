/** A row of a PROC_EVENT frame that tells of a slow read or write of a file (proto/metric/metric.proto). */
import { WireWriter } from "./wire-writer.ts";

const IO_EVENT = 1;
const REGULAR_FILE = 1;

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
}

const writer = new WireWriter();
const textEncoder = new TextEncoder();

export function encodeIoEventRow(row: IoEventRow): Uint8Array {
  writer.uint(1, row.processId);
  writer.uint(2, row.threadId);
  writer.uint(3, row.coroutineId);
  writer.bytes(4, textEncoder.encode(row.processName));
  writer.uint64(5, row.startTimeNs);
  writer.uint64(6, row.endTimeNs);
  writer.uint(7, IO_EVENT);
  writer.message(8, () => {
    writer.uint(1, row.sizeBytes);
    writer.uint(2, row.isRead ? 1 : 0);
    writer.uint64(3, row.endTimeNs - row.startTimeNs);
    writer.bytes(4, textEncoder.encode(row.fileName));
    writer.uint(9, REGULAR_FILE);
  });
  return writer.take();
}
