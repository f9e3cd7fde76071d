import { RECORD_HEADER_SIZE_BYTES, recordSpan } from "../../bpf/ring-records.ts";

/** Decoded in a few milliseconds, on a busy host too: so long news of a program that begins waits. */
const PART_BYTES = 64 * 1024;
/** In well under one. */
const SMALL_PART_BYTES = 16 * 1024;

/** @returns the end of a part that begins at `start`: whole records, one at least */
export function partEnd(records: DataView, start: number, lengthBytes: number, isSmall: boolean): number {
  const partBytes = isSmall ? SMALL_PART_BYTES : PART_BYTES;
  let at = start;
  while (at - start < partBytes && at + RECORD_HEADER_SIZE_BYTES <= lengthBytes)
    at += recordSpan(records.getInt32(at, true));
  return lengthBytes - at < RECORD_HEADER_SIZE_BYTES ? lengthBytes : at;
}
