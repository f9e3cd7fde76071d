/** Writes socket data records as they lie in the ring, so that benches need no kernel. */
import { LAYOUT, type SocketDataEvent } from "../../src/bpf/layout.gen.ts";
import { RECORD_HEADER_SIZE_BYTES, recordSpan } from "../../src/bpf/ring-records.ts";

const { sizeBytes: HEADER_SIZE_BYTES, offsets } = LAYOUT.socket_data_event;
const header = LAYOUT.event_header.offsets;
const tuple = LAYOUT.socket_tuple.offsets;

export function spanOfRecord(event: SocketDataEvent): number {
  return recordSpan(HEADER_SIZE_BYTES + event.capturedLength);
}

/** @returns where the event's own bytes begin, for `moveRecord` */
export function writeRecord(view: DataView, at: number, event: SocketDataEvent, bytes: Uint8Array): number {
  const length = HEADER_SIZE_BYTES + event.capturedLength;
  const start = at + RECORD_HEADER_SIZE_BYTES;
  const u32 = (offset: number, value: number): void => view.setUint32(start + offset, value, true);
  const u64 = (offset: number, value: number): void => view.setBigUint64(start + offset, BigInt(value), true);
  const put = (offset: number, value: Uint8Array): void => new Uint8Array(view.buffer).set(value, start + offset);
  view.setUint32(at, length, true);
  u32(header.kind, event.header.kind);
  u32(header.length, length);
  u32(header.tgid, event.header.tgid);
  u32(header.pid, event.header.pid);
  u64(offsets.unit_id, event.unitId);
  u64(offsets.turn_id, event.turnId);
  u64(offsets.cause_id, event.causeId);
  u64(offsets.cause_request, event.causeRequest);
  u64(offsets.socket_cookie, event.socketCookie);
  put(offsets.tuple + tuple.local_address, event.tuple.localAddress);
  put(offsets.tuple + tuple.remote_address, event.tuple.remoteAddress);
  view.setUint16(start + offsets.tuple + tuple.local_port, event.tuple.localPort, true);
  view.setUint16(start + offsets.tuple + tuple.remote_port, event.tuple.remotePort, true);
  u32(offsets.tuple + tuple.network_namespace, event.tuple.networkNamespace);
  u32(offsets.local_first_sequence, event.localFirstSequence);
  u32(offsets.remote_first_sequence, event.remoteFirstSequence);
  u32(offsets.call_length, event.callLength);
  u32(offsets.captured_length, event.capturedLength);
  view.setUint8(start + offsets.address_family, event.addressFamily);
  view.setUint8(start + offsets.protocol, event.protocol);
  view.setUint8(start + offsets.direction, event.direction);
  view.setUint8(start + offsets.role, event.role);
  view.setUint8(start + offsets.source, event.source);
  view.setUint8(start + offsets.unit_kind, event.unitKind);
  view.setUint8(start + offsets.cause_kind, event.causeKind);
  put(offsets.comm, event.comm);
  put(HEADER_SIZE_BYTES, bytes);
  return start;
}

/** The same record again, later in time and further on in its stream. */
export function moveRecord(view: DataView, start: number, timestampNs: number, streamOffset: number): void {
  setNumber(view, start + header.timestamp_ns, timestampNs);
  setNumber(view, start + offsets.entry_ns, timestampNs);
  setNumber(view, start + offsets.stream_offset, streamOffset);
}

function setNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}
