import { RECORD_HEADER_SIZE_BYTES, recordSpan } from "../../bpf/ring-records.ts";

/** Decoded in well under a millisecond. */
const PART_BYTES = 16 * 1024;

/** @returns the end of whole records from `start` on, about PART_BYTES of them; one at least */
export function partEnd(records: DataView, start: number, lengthBytes: number): number {
  let at = start;
  while (at - start < PART_BYTES && at + RECORD_HEADER_SIZE_BYTES <= lengthBytes)
    at += recordSpan(records.getInt32(at, true));
  return lengthBytes - at < RECORD_HEADER_SIZE_BYTES ? lengthBytes : at;
}
