/** Lines of a recording (recording.ts) back to events; those of earlier versions of sockspan too. */
import type {
  HandoverEvent,
  IoEvent,
  ProcessEvent,
  SocketDataEvent,
  SocketStateEvent,
  StreamCallEvent,
  UnitEdgeEvent,
  WakeEvent,
} from "../../../bpf/layout.gen.ts";
import type { Attribute, AttributeValue } from "../../../mapping/span.ts";
import { RECORDING_VERSION, type RecordedLine } from "./recording.ts";

/** By the key whose value is the line's own record, asked in this order. */
const EVENT_LINES: readonly (readonly [
  key: string,
  parse: (raw: JsonRecord, line: JsonRecord) => RecordedLine | undefined,
])[] = [
  ["data", dataOf],
  ["state", stateOf],
  ["io", ioOf],
  ["process", processOf],
  ["wake", wakeOf],
  ["unit_edge", unitEdgeOf],
  ["handover", handoverOf],
  ["stream_call", streamCallOf],
];

/** @returns undefined for a line that is no recording's; a line of a kind that is not known is passed over by the caller */
export function parseRecordingLine(line: string): RecordedLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  if (value["sockspan_recording"] === RECORDING_VERSION) return headerOf(value);
  for (const [key, parse] of EVENT_LINES) {
    const raw = value[key];
    if (isRecord(raw)) return parse(raw, value);
  }
  if (Array.isArray(value["resource"]) && typeof value["tgid"] === "number") {
    return { kind: "resource", tgid: value["tgid"], attributes: resourceAttributes(value["resource"]) };
  }
  if (typeof value["lost"] === "string" && typeof value["count"] === "number") {
    return { kind: "lost", reason: value["lost"], count: value["count"] };
  }
  return undefined;
}

function headerOf(line: JsonRecord): RecordedLine | undefined {
  const offset = String(line["clock_offset_ns"] ?? "");
  if (!/^-?\d{1,20}$/.test(offset)) return undefined;
  return { kind: "header", header: { clockOffsetNs: BigInt(offset), hostName: String(line["host"] ?? "") } };
}

function dataOf(raw: JsonRecord, line: JsonRecord): RecordedLine | undefined {
  const event = socketEvent<SocketDataEvent>(raw, DATA_FIELDS);
  if (event === undefined || typeof line["bytes"] !== "string") return undefined;
  const later = numberFields({ ...LATER_DATA_FIELDS, ...raw }, Object.keys(LATER_DATA_FIELDS));
  const bytes = new Uint8Array(Buffer.from(line["bytes"], "base64"));
  return { kind: "data", event: { ...event, ...later, capturedLength: bytes.length }, bytes };
}

function stateOf(raw: JsonRecord, line: JsonRecord): RecordedLine | undefined {
  const event = socketEvent<SocketStateEvent>(raw, STATE_FIELDS);
  const name = unhex(line["name"], SOCKET_NAME_LENGTH).subarray(0, nameLength(line["name"]));
  return event && { kind: "state", event: { ...event, nameLength: name.length }, name };
}

function ioOf(raw: JsonRecord, line: JsonRecord): RecordedLine | undefined {
  const event = plainEvent<IoEvent>(raw, numberFields(raw, IO_FIELDS));
  if (event === undefined || typeof line["names"] !== "string") return undefined;
  return { kind: "io", event: withComm(event, raw), names: new Uint8Array(Buffer.from(line["names"], "base64")) };
}

function processOf(raw: JsonRecord): RecordedLine | undefined {
  const event = plainEvent<ProcessEvent>(raw, numberFields(raw, PROCESS_FIELDS));
  return event && { kind: "process", event: withComm(event, raw) };
}

function wakeOf(raw: JsonRecord): RecordedLine | undefined {
  const event = plainEvent<WakeEvent>(raw, numberFields(raw, WAKE_FIELDS));
  return event && { kind: "wake", event };
}

function unitEdgeOf(raw: JsonRecord): RecordedLine | undefined {
  const event = plainEvent<UnitEdgeEvent>(raw, numberFields(raw, UNIT_EDGE_FIELDS) ?? earlierEdge(raw));
  return event && { kind: "unit_edge", event };
}

function handoverOf(raw: JsonRecord): RecordedLine | undefined {
  const event = plainEvent<HandoverEvent>(raw, numberFields({ valueType: 0, ...raw }, HANDOVER_FIELDS));
  return event && { kind: "handover", event };
}

function streamCallOf(raw: JsonRecord): RecordedLine | undefined {
  const event = plainEvent<StreamCallEvent>(raw, numberFields(raw, STREAM_CALL_FIELDS));
  return event && { kind: "stream_call", event };
}

/** An event that is its header and numbers. */
function plainEvent<E>(raw: JsonRecord, numbers: Record<string, number> | undefined): E | undefined {
  const header = eventHeader(raw["header"]);
  return numbers === undefined || header === undefined ? undefined : ({ ...numbers, header } as unknown as E);
}

function withComm<E>(event: E, raw: JsonRecord): E {
  return { ...event, comm: unhex(raw["comm"], 16) };
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

const PROCESS_FIELDS = ["action", "parentTgid", "startTimeNs"] as const satisfies readonly (keyof ProcessEvent)[];
const WAKE_FIELDS = ["woken", "hops", "wakerRanNs", "wokenRanNs"] as const satisfies readonly (keyof WakeEvent)[];

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
  "valueType",
  "way",
  "lost",
] as const satisfies readonly (keyof HandoverEvent)[];

const STREAM_CALL_FIELDS = [
  "writerId",
  "unitId",
  "unitParent",
  "causeId",
  "causeRequest",
  "streamId",
  "causeKind",
] as const satisfies readonly (keyof StreamCallEvent)[];

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

function unhex(value: unknown, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (typeof value === "string") bytes.set(Buffer.from(value, "hex").subarray(0, length));
  return bytes;
}
