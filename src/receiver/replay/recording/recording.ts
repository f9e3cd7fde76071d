/**
 * sockspan's own recording: the raw events of a host with the facts about its processes, one JSON object per line
 * (docs/recording.md), so that it can be read and cut with ordinary tools and outlives changes of the event layout.
 */
import type {
  HandoverEvent,
  IoEvent,
  ProcessEvent,
  SocketDataEvent,
  SocketStateEvent,
  SocketTuple,
  StreamCallEvent,
  UnitEdgeEvent,
  WakeEvent,
} from "../../../bpf/layout.gen.ts";
import type { Attribute } from "../../../mapping/span.ts";

export const RECORDING_VERSION = 1;

export interface RecordingHeader {
  /** Wall minus monotonic clock, ns. */
  readonly clockOffsetNs: bigint;
  readonly hostName: string;
}

export type RecordedLine =
  | { readonly kind: "header"; readonly header: RecordingHeader }
  | { readonly kind: "data"; readonly event: SocketDataEvent; readonly bytes: Uint8Array }
  | { readonly kind: "state"; readonly event: SocketStateEvent; readonly name: Uint8Array }
  | { readonly kind: "io"; readonly event: IoEvent; readonly names: Uint8Array }
  | { readonly kind: "process"; readonly event: ProcessEvent }
  | { readonly kind: "wake"; readonly event: WakeEvent }
  | { readonly kind: "unit_edge"; readonly event: UnitEdgeEvent }
  | { readonly kind: "handover"; readonly event: HandoverEvent }
  | { readonly kind: "stream_call"; readonly event: StreamCallEvent }
  | { readonly kind: "resource"; readonly tgid: number; readonly attributes: readonly Attribute[] }
  | { readonly kind: "lost"; readonly reason: string; readonly count: number };

export function headerLine(header: RecordingHeader): string {
  return JSON.stringify({
    sockspan_recording: RECORDING_VERSION,
    clock_offset_ns: header.clockOffsetNs.toString(),
    host: header.hostName,
  });
}

export function dataLine(event: SocketDataEvent, bytes: Uint8Array): string {
  return JSON.stringify({
    data: { ...event, tuple: packTuple(event.tuple), comm: hex(event.comm) },
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64"),
  });
}

/** @param name of the server, where an AF_UNIX socket is told for the first time; else empty */
export function stateLine(event: SocketStateEvent, name: Uint8Array): string {
  const state = { ...event, tuple: packTuple(event.tuple) };
  return JSON.stringify(name.length === 0 ? { state } : { state, name: hex(name) });
}

export function ioLine(event: IoEvent, names: Uint8Array): string {
  return JSON.stringify({
    io: { ...event, comm: hex(event.comm) },
    names: Buffer.from(names.buffer, names.byteOffset, names.length).toString("base64"),
  });
}

export function processLine(event: ProcessEvent): string {
  return JSON.stringify({ process: { ...event, comm: hex(event.comm) } });
}

export function wakeLine(event: WakeEvent): string {
  return JSON.stringify({ wake: event });
}

export function unitEdgeLine(event: UnitEdgeEvent): string {
  return JSON.stringify({ unit_edge: event });
}

export function handoverLine(event: HandoverEvent): string {
  return JSON.stringify({ handover: event });
}

export function streamCallLine(event: StreamCallEvent): string {
  return JSON.stringify({ stream_call: event });
}

export function resourceLine(tgid: number, attributes: readonly Attribute[]): string {
  const plain = attributes.map(([key, value]) => [key, typeof value === "bigint" ? { int: value.toString() } : value]);
  return JSON.stringify({ resource: plain, tgid });
}

export function lostLine(reason: string, count: number): string {
  return JSON.stringify({ lost: reason, count });
}

function packTuple(tuple: SocketTuple): object {
  return { ...tuple, localAddress: hex(tuple.localAddress), remoteAddress: hex(tuple.remoteAddress) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
