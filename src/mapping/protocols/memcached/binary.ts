/** Memcached's binary protocol (memcached wiki, BinaryProtocolRevamped): quiet commands are answered only at times. */
import { utf8 } from "../../latin1.ts";
import { uint16, uint32 } from "../byte-reader.ts";
import { INVALID, MessageRole, type MessageSink, NEED_MORE, Recognition, Sender } from "../protocol.ts";
import { enqueueMemcached, type MemcachedMessage, type MemcachedState, memcachedMessage } from "./message.ts";

const REQUEST = 0x80;
const RESPONSE = 0x81;
const HEADER_BYTES = 24;
const MAX_BODY_BYTES = 128 * 1024 * 1024;
const STAT = 0x10;

const OPERATIONS: readonly string[] = (
  "get set add replace delete incr decr quit flush getq noop version getk getkq append prepend stat setq addq replaceq " +
  "deleteq incrq decrq quitq flushq appendq prependq verbosity touch gat gatq"
).split(" ");
const AUTH: ReadonlyMap<number, string> = new Map([
  [0x20, "sasl_list_mechs"],
  [0x21, "sasl_auth"],
  [0x22, "sasl_step"],
]);
const STATUSES: ReadonlyMap<number, string> = new Map([
  [0x0001, "KEY_NOT_FOUND"],
  [0x0002, "KEY_EXISTS"],
  [0x0003, "VALUE_TOO_LARGE"],
  [0x0004, "INVALID_ARGUMENTS"],
  [0x0005, "ITEM_NOT_STORED"],
  [0x0006, "NON_NUMERIC_VALUE"],
  [0x0008, "AUTH_ERROR"],
  [0x0009, "AUTH_CONTINUE"],
  [0x0020, "AUTH_ERROR"],
  [0x0021, "AUTH_CONTINUE"],
  [0x0081, "UNKNOWN_COMMAND"],
  [0x0082, "OUT_OF_MEMORY"],
  [0x0083, "NOT_SUPPORTED"],
  [0x0084, "INTERNAL_ERROR"],
  [0x0085, "BUSY"],
  [0x0086, "TEMPORARY_FAILURE"],
]);
/** Answers that are no failure: a miss, a lost race, a handshake that goes on. */
const EXPECTED = new Set([0x0000, 0x0001, 0x0002, 0x0005, 0x0009, 0x0021]);

function operationOf(opcode: number): string | undefined {
  return OPERATIONS[opcode] ?? AUTH.get(opcode);
}

/** What a request of each command has behind its header: bytes of extras, whether a key, whether a value. */
interface Shape {
  readonly extras: readonly number[];
  /** undefined: it may have one. */
  readonly hasKey: boolean | undefined;
  readonly hasValue: boolean;
}
const KEY: Shape = { extras: [0], hasKey: true, hasValue: false };
const STORE: Shape = { extras: [8], hasKey: true, hasValue: true };
const COUNT: Shape = { extras: [20], hasKey: true, hasValue: false };
const PLAIN_STORE: Shape = { extras: [0], hasKey: true, hasValue: true };
const EXPIRY: Shape = { extras: [4], hasKey: true, hasValue: false };
const NOTHING: Shape = { extras: [0], hasKey: false, hasValue: false };
const SHAPES: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ...["get", "getk", "delete"].map((name) => [name, KEY] as const),
  ...["set", "add", "replace"].map((name) => [name, STORE] as const),
  ...["incr", "decr"].map((name) => [name, COUNT] as const),
  ...["append", "prepend", "sasl_auth", "sasl_step"].map((name) => [name, PLAIN_STORE] as const),
  ...["touch", "gat"].map((name) => [name, EXPIRY] as const),
  ...["quit", "noop", "version", "sasl_list_mechs"].map((name) => [name, NOTHING] as const),
  ["flush", { extras: [0, 4], hasKey: false, hasValue: false }],
  ["verbosity", { extras: [4], hasKey: false, hasValue: false }],
  ["stat", { extras: [0], hasKey: undefined, hasValue: true }],
]);

function fitsShape(operation: string, extras: number, keyLength: number, body: number): boolean {
  const shape = SHAPES.get(operation) ?? SHAPES.get(operation.slice(0, -1));
  if (shape === undefined || !shape.extras.includes(extras)) return false;
  if (shape.hasKey !== undefined && shape.hasKey !== keyLength > 0) return false;
  return shape.hasValue || body === extras + keyLength;
}

function isQuiet(operation: string): boolean {
  return operation.endsWith("q");
}

export function isBinaryHeader(bytes: Uint8Array, at: number, sender: Sender): boolean {
  if (bytes.length < at + HEADER_BYTES || bytes[at] !== (sender === Sender.client ? REQUEST : RESPONSE)) return false;
  const body = uint32(bytes, at + 8);
  const operation = operationOf(bytes[at + 1]!);
  const keyLength = uint16(bytes, at + 2);
  const extras = bytes[at + 4]!;
  return (
    operation !== undefined &&
    body <= MAX_BODY_BYTES &&
    keyLength <= 250 &&
    extras <= 20 &&
    bytes[at + 5] === 0 &&
    keyLength + extras <= body &&
    (sender === Sender.server || fitsShape(operation, extras, keyLength, body))
  );
}

export function recognizeBinary(bytes: Uint8Array, sender: Sender | undefined): Recognition {
  const side = bytes[0] === REQUEST ? Sender.client : Sender.server;
  if (bytes[0]! > RESPONSE || (sender !== undefined && sender !== side)) return Recognition.no;
  if (bytes.length < HEADER_BYTES) {
    return bytes.length < 2 || operationOf(bytes[1]!) !== undefined ? Recognition.needMore : Recognition.no;
  }
  if (!isBinaryHeader(bytes, 0, side)) return Recognition.no;
  return side === Sender.client ? Recognition.request : Recognition.response;
}

export function parseBinary(
  bytes: Uint8Array,
  sender: Sender,
  state: MemcachedState,
  sink: MessageSink<MemcachedMessage>,
): number {
  if (bytes.length < HEADER_BYTES) return NEED_MORE;
  if (!isBinaryHeader(bytes, 0, sender)) return INVALID;
  const total = HEADER_BYTES + uint32(bytes, 8);
  const keyLength = uint16(bytes, 2);
  const keyEnd = HEADER_BYTES + bytes[4]! + keyLength;
  if (bytes.length < keyEnd) return NEED_MORE;
  const operation = operationOf(bytes[1]!)!;
  const opaque = uint32(bytes, 12);
  if (sender === Sender.client) {
    if (operation === "quit" || operation === "quitq") return total;
    const key = keyLength > 0 ? utf8(bytes, keyEnd - keyLength, keyEnd) : undefined;
    const quiet = isQuiet(operation);
    enqueueMemcached(state, operation, opaque, quiet);
    sink.message(
      memcachedMessage(quiet ? MessageRole.oneWay : MessageRole.request, operation, key, keyLength > 0 ? 1 : 0),
    );
    return total;
  }
  return answer(bytes, total, operation, opaque, state, sink);
}

function answer(
  bytes: Uint8Array,
  total: number,
  operation: string,
  opaque: number,
  state: MemcachedState,
  sink: MessageSink<MemcachedMessage>,
): number {
  const index = state.pending.findIndex((asked) => asked.command === operation && asked.opaque === opaque);
  if (index < 0) return total;
  // The quiet ones before it had nothing to say; others would have been answered before.
  const asked = state.pending[index]!;
  const isStatPart = bytes[1] === STAT && uint16(bytes, 2) > 0;
  if (isStatPart) return total;
  state.pending.splice(0, index + 1);
  if (asked.isQuiet) return total;
  const status = uint16(bytes, 6);
  const message = memcachedMessage(MessageRole.response, "");
  message.status = status === 0 ? undefined : (STATUSES.get(status) ?? `0x${status.toString(16)}`);
  message.isError = !EXPECTED.has(status);
  sink.message(message);
  return total;
}
