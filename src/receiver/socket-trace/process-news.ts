/**
 * The programs that begin, out of records that others may have to be decoded before: a process that has just started is looked at
 * while it starts, however far the decoder is behind.
 */
import { EventKind, LAYOUT, ProcessAction } from "../../bpf/layout.gen.ts";
import { RECORD_HEADER_SIZE_BYTES, recordSpan } from "../../bpf/ring-records.ts";

const { sizeBytes, offsets } = LAYOUT.process_event;

/** @returns those records, as they lay in the ring; undefined: there are none */
export function processNews(records: DataView, lengthBytes: number): Uint8Array<ArrayBuffer> | undefined {
  let news: Uint8Array[] | undefined;
  for (let at = 0; at + RECORD_HEADER_SIZE_BYTES <= lengthBytes; ) {
    const span = recordSpan(records.getInt32(at, true));
    if (span >= sizeBytes + RECORD_HEADER_SIZE_BYTES && isBegin(records, at + RECORD_HEADER_SIZE_BYTES)) {
      news ??= [];
      news.push(new Uint8Array(records.buffer, records.byteOffset + at, span));
    }
    at += span;
  }
  if (news === undefined) return undefined;
  const copy = new Uint8Array(news.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const record of news) {
    copy.set(record, filled);
    filled += record.length;
  }
  return copy;
}

function isBegin(records: DataView, offset: number): boolean {
  if (records.getUint32(offset, true) !== EventKind.process) return false;
  const action = records.getUint32(offset + offsets.action, true);
  return action === ProcessAction.fork || action === ProcessAction.exec;
}
