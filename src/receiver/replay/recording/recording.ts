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
  UnitEdgeEvent,
  WakeEvent,
} from "../../../bpf/layout.gen.ts";
import type { Attribute, AttributeValue } from "../../../mapping/span.ts";

const RECORDING_VERSION = 1;

export interface RecordingHeader {
  /** Wall minus monotonic clock, ns. */
  readonly clockOffsetNs: bigint;
  readonly hostName: string;
}

type RecordedLine =
  | { readonly kind: "header"; readonly header: RecordingHeader }
  | { readonly kind: "data"; readonly event: SocketDataEvent; readonly bytes: Uint8Array }
  | { readonly kind: "state"; readonly event: SocketStateEvent; readonly name: Uint8Array }
  | { readonly kind: "io"; readonly event: IoEvent; readonly names: Uint8Array }
  | { readonly kind: "process"; readonly event: ProcessEvent }
  | { readonly kind: "wake"; readonly event: WakeEvent }
  | { readonly kind: "unit_edge"; readonly event: UnitEdgeEvent }
  | { readonly kind: "handover"; readonly event: HandoverEvent }
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

export function resourceLine(tgid: number, attributes: readonly Attribute[]): string {
  const plain = attributes.map(([key, value]) => [key, typeof value === "bigint" ? { int: value.toString() } : value]);
  return JSON.stringify({ resource: plain, tgid });
}

export function lostLine(reason: string, count: number): string {
  return JSON.stringify({ lost: reason, count });
}

/** @returns undefined for a line that is no recording's; a line of a kind that is not known is passed over by the caller */
export function parseRecordingLine(line: string): RecordedLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  if (value["sockspan_recording"] === RECORDING_VERSION) {
    const offset = String(value["clock_offset_ns"] ?? "");
    if (!/^-?\d{1,20}$/.test(offset)) return undefined;
    return { kind: "header", header: { clockOffsetNs: BigInt(offset), hostName: String(value["host"] ?? "") } };
  }
  if (isRecord(value["data"])) {
    const event = socketEvent<SocketDataEvent>(value["data"], DATA_FIELDS);
    if (event === undefined || typeof value["bytes"] !== "string") return undefined;
    const later = numberFields({ ...LATER_DATA_FIELDS, ...value["data"] }, Object.keys(LATER_DATA_FIELDS));
    const bytes = new Uint8Array(Buffer.from(value["bytes"], "base64"));
    return { kind: "data", event: { ...event, ...later, capturedLength: bytes.length }, bytes };
  }
  if (isRecord(value["state"])) {
    const event = socketEvent<SocketStateEvent>(value["state"], STATE_FIELDS);
    const name = unhex(value["name"], SOCKET_NAME_LENGTH).subarray(0, nameLength(value["name"]));
    return event && { kind: "state", event: { ...event, nameLength: name.length }, name };
  }
  if (isRecord(value["io"])) {
    const raw = value["io"];
    const numbers = numberFields(raw, IO_FIELDS);
    const header = eventHeader(raw["header"]);
    if (numbers === undefined || header === undefined || typeof value["names"] !== "string") return undefined;
    const event = { ...numbers, header, comm: unhex(raw["comm"], 16) } as unknown as IoEvent;
    return { kind: "io", event, names: new Uint8Array(Buffer.from(value["names"], "base64")) };
  }
  if (isRecord(value["process"])) {
    const raw = value["process"];
    const numbers = numberFields(raw, ["action", "parentTgid", "startTimeNs"]);
    const header = eventHeader(raw["header"]);
    if (numbers === undefined || header === undefined) return undefined;
    return { kind: "process", event: { ...numbers, header, comm: unhex(raw["comm"], 16) } as unknown as ProcessEvent };
  }
  if (isRecord(value["wake"])) {
    const numbers = numberFields(value["wake"], ["woken", "hops", "wakerRanNs", "wokenRanNs"]);
    const header = eventHeader(value["wake"]["header"]);
    if (numbers === undefined || header === undefined) return undefined;
    return { kind: "wake", event: { ...numbers, header } as unknown as WakeEvent };
  }
  if (isRecord(value["unit_edge"])) {
    const raw = value["unit_edge"];
    const numbers = numberFields(raw, UNIT_EDGE_FIELDS) ?? earlierEdge(raw);
    const header = eventHeader(raw["header"]);
    if (numbers === undefined || header === undefined) return undefined;
    return { kind: "unit_edge", event: { ...numbers, header } as unknown as UnitEdgeEvent };
  }
  if (isRecord(value["handover"])) {
    const raw = value["handover"];
    const numbers = numberFields(raw, HANDOVER_FIELDS);
    const header = eventHeader(raw["header"]);
    if (numbers === undefined || header === undefined) return undefined;
    return { kind: "handover", event: { ...numbers, header } as unknown as HandoverEvent };
  }
  if (Array.isArray(value["resource"]) && typeof value["tgid"] === "number") {
    return { kind: "resource", tgid: value["tgid"], attributes: resourceAttributes(value["resource"]) };
  }
  if (typeof value["lost"] === "string" && typeof value["count"] === "number") {
    return { kind: "lost", reason: value["lost"], count: value["count"] };
  }
  return undefined;
}

/** sun_path of linux/un.h */
const SOCKET_NAME_LENGTH = 108;

function nameLength(hexName: unknown): number {
  return typeof hexName === "string" ? hexName.length >> 1 : 0;
}

const STATE_FIELDS = [
  "socketCookie",
  "localFirstSequence",
  "remoteFirstSequence",
  "addressFamily",
  "protocol",
  "role",
  "oldState",
  "newState",
] as const satisfies readonly (keyof SocketStateEvent)[];

const DATA_FIELDS = [
  "entryNs",
  "coroutineId",
  "unitId",
  "turnId",
  "socketCookie",
  "eventNumber",
  "streamOffset",
  "localFirstSequence",
  "remoteFirstSequence",
  "callLength",
  "capturedLength",
  "flags",
  "addressFamily",
  "protocol",
  "direction",
  "role",
  "source",
  "unitKind",
] as const satisfies readonly (keyof SocketDataEvent)[];

/** What the first recordings did not have; 0 says that it is not known. */
const LATER_FIELDS = ["coroutineId", "unitId", "unitParent", "unitCount", "turnId", "unitKind"] as const;

function laterFields(raw: JsonRecord): Record<string, number> {
  const fields: Record<string, number> = {};
  for (const key of LATER_FIELDS) {
    const value = raw[key];
    fields[key] = typeof value === "number" && Number.isFinite(value) ? value : 0;
  }
  return fields;
}

const IO_FIELDS = [
  "entryNs",
  "coroutineId",
  "unitId",
  "unitParent",
  "unitCount",
  "turnId",
  "fileOffset",
  "length",
  "inode",
  "requestSocketCookie",
  "requestStreamOffset",
  "device",
  "error",
  "pathLength",
  "operation",
  "fileType",
  "isPathCut",
  "unitKind",
] as const satisfies readonly (keyof IoEvent)[];

const EARLIER_UNIT_EDGE_FIELDS = ["fromId", "toId", "edge", "unitKind"] as const;
const UNIT_EDGE_FIELDS = [...EARLIER_UNIT_EDGE_FIELDS, "fromCreation", "work"] as const;

/** The first recordings told of tokio's tasks only. */
function earlierEdge(raw: JsonRecord): Record<string, number> | undefined {
  const numbers = numberFields(raw, EARLIER_UNIT_EDGE_FIELDS);
  return numbers && { ...numbers, fromCreation: numbers["fromId"]!, work: 0 };
}
const HANDOVER_FIELDS = [
  "fromId",
  "fromCreator",
  "fromStartPc",
  "toId",
  "toCreator",
  "toStartPc",
  "way",
  "lost",
] as const satisfies readonly (keyof HandoverEvent)[];

type JsonRecord = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function numberFields(raw: JsonRecord, keys: readonly string[]): Record<string, number> | undefined {
  const fields: Record<string, number> = {};
  for (const key of keys) {
    const value = raw[key];
    if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
    fields[key] = value;
  }
  return fields;
}

function eventHeader(raw: unknown): SocketDataEvent["header"] | undefined {
  if (!isRecord(raw)) return undefined;
  const fields = numberFields(raw, ["kind", "length", "timestampNs", "tgid", "pid"]);
  return fields as unknown as SocketDataEvent["header"] | undefined;
}

/** Fields that came later: 0 in recordings from before. */
const LATER_DATA_FIELDS = { causeId: 0, causeKind: 0, causeRequest: 0 } as const satisfies Partial<SocketDataEvent>;

/** Events of older recordings may lack fields that came later, never these. */
function socketEvent<E extends SocketDataEvent | SocketStateEvent>(
  raw: JsonRecord,
  keys: readonly string[],
): E | undefined {
  const fields = numberFields(raw, keys);
  const header = eventHeader(raw["header"]);
  const tuple = raw["tuple"];
  if (fields === undefined || header === undefined || !isRecord(tuple)) return undefined;
  const ports = numberFields(tuple, ["localPort", "remotePort", "networkNamespace"]);
  if (ports === undefined) return undefined;
  const addresses = {
    localAddress: unhex(tuple["localAddress"], 16),
    remoteAddress: unhex(tuple["remoteAddress"], 16),
  };
  const event = { ...laterFields(raw), ...fields, header, tuple: { ...ports, ...addresses } };
  return { ...event, comm: unhex(raw["comm"], 16) } as unknown as E;
}

function resourceAttributes(raw: readonly unknown[]): Attribute[] {
  const attributes: Attribute[] = [];
  for (const entry of raw) {
    if (!Array.isArray(entry) || typeof entry[0] !== "string") continue;
    const value: unknown = entry[1];
    const int = isRecord(value) ? String(value["int"]) : undefined;
    if (int !== undefined && /^-?\d{1,19}$/.test(int)) attributes.push([entry[0], BigInt(int)]);
    else if (isAttributeValue(value)) attributes.push([entry[0], value]);
  }
  return attributes;
}

function isAttributeValue(value: unknown): value is AttributeValue {
  if (Array.isArray(value)) {
    return value.every((item) => typeof item === "string") || value.every((item) => typeof item === "number");
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function packTuple(tuple: SocketTuple): JsonRecord {
  return { ...tuple, localAddress: hex(tuple.localAddress), remoteAddress: hex(tuple.remoteAddress) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function unhex(value: unknown, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (typeof value === "string") bytes.set(Buffer.from(value, "hex").subarray(0, length));
  return bytes;
}
