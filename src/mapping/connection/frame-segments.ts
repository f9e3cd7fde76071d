/** What an event with walked frames holds: stretches that were copied, each behind a struct frame_segment of bpf/event.h. */
import { EventFlags, FrameSegmentFlags, LAYOUT } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import type { Stream } from "./stream.ts";
import { CONTINUES } from "./stream-marks.ts";

const HEADER_BYTES = LAYOUT.frame_segment.sizeBytes;
const EMPTY = new Uint8Array(0);

/** Gives a stream what was copied of the call [offset, offset + length), and what was left out between. */
export function pushSegments(
  stream: Stream,
  offset: number,
  length: number,
  bytes: Uint8Array,
  meta: EventMeta,
  flags: number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = offset + length;
  let at = offset;
  for (let next = 0; next + HEADER_BYTES <= bytes.length; ) {
    const start = Math.max(at, offset + view.getUint32(next, true));
    const count = view.getUint16(next + 4, true);
    const isStart = (view.getUint16(next + 6, true) & FrameSegmentFlags.startsFrame) !== 0;
    const leftOut = view.getUint32(next + 8, true);
    const from = next + HEADER_BYTES;
    const stop = Math.min(start + count, end);
    if (stop <= start) break;
    if (start > at) stream.push(at, start - at, EMPTY, meta, EventFlags.frames);
    stream.push(
      start,
      stop - start,
      bytes.subarray(from, from + stop - start),
      meta,
      EventFlags.frames,
      isStart ? leftOut : CONTINUES,
    );
    at = stop;
    next = (from + count + 3) & ~3;
  }
  // The bytes behind a fault may still come.
  if (at < end) stream.push(at, end - at, EMPTY, meta, flags);
}
