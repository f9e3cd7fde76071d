/**
 * MongoDB's wire protocol: OP_MSG with its sections, OP_QUERY and OP_REPLY, the legacy writes, OP_COMPRESSED
 * (snappy, zlib, zstd), moreToCome in both directions.
 *
 * Claims: a header whose opcode is known and whose body begins as that opcode's does.
 * Bound of the state: MAX_PENDING request ids.
 */

import { inflateZlib } from "../../compression/inflate.ts";
import { unpackSnappy } from "../../compression/snappy.ts";
import { unpackZstd } from "../../compression/zstd.ts";
import { type Framing, firstBytes } from "../../connection/framing.ts";
import { latin1 } from "../../latin1.ts";
import type { Attribute } from "../../span.ts";
import { uint32le } from "../byte-reader.ts";
import { missingResponse } from "../failure.ts";
import {
  INVALID,
  type Message,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  type RecognitionHint,
  Sender,
  type Session,
  type SpanFields,
} from "../protocol.ts";
import { type BsonElement, BsonType, bsonElements, bsonNumber, bsonShape, bsonString } from "./bson.ts";
import { isOfCollection } from "./commands.ts";

interface MongodbMessage extends Message {
  readonly opcode: number;
  command: string | undefined;
  collection: string | undefined;
  database: string | undefined;
  text: string | undefined;
  errorCode: number | undefined;
  isFailed: boolean;
}

interface MongodbState {
  readonly pending: Set<number>;
}

const Opcode = {
  reply: 1,
  update: 2001,
  insert: 2002,
  query: 2004,
  getMore: 2005,
  delete: 2006,
  killCursors: 2007,
  compressed: 2012,
  message: 2013,
} as const;
const OPCODE_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "reply"],
  [2001, "update"],
  [2002, "insert"],
  [2004, "query"],
  [2005, "getMore"],
  [2006, "delete"],
  [2007, "killCursors"],
  [2012, "compressed"],
  [2013, "message"],
]);
/** What a connection begins with, in the words of new servers and old ones. */
const SIGN_IN: readonly (string | undefined)[] = ["hello", "isMaster", "ismaster"];
/** Writes of old drivers: nobody answers them. */
const UNANSWERED: ReadonlySet<number> = new Set([Opcode.update, Opcode.insert, Opcode.delete, Opcode.killCursors]);

const HEADER_BYTES = 16;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** The command and what it says of itself stand at the beginning. */
const PREFIX_BYTES = 8192;
const MAX_PENDING = 1024;
const MORE_TO_COME = 2;
const KNOWN_FLAGS = 0x00010003;

function isHeader(bytes: Uint8Array, at: number): boolean {
  const length = uint32le(bytes, at);
  return length >= HEADER_BYTES + 4 && length <= MAX_MESSAGE_BYTES && OPCODE_NAMES.has(uint32le(bytes, at + 12));
}

function newMessage(role: MessageRole, id: number, opcode: number): MongodbMessage {
  return {
    role,
    id,
    opcode,
    command: undefined,
    collection: undefined,
    database: undefined,
    text: undefined,
    errorCode: undefined,
    isFailed: false,
  };
}

function parse(bytes: Uint8Array, sender: Sender, state: MongodbState, sink: MessageSink<MongodbMessage>): number {
  if (bytes.length < HEADER_BYTES) return NEED_MORE;
  if (!isHeader(bytes, 0)) return INVALID;
  const total = uint32le(bytes, 0);
  const needed = Math.min(total, PREFIX_BYTES);
  if (bytes.length < needed) return NEED_MORE;
  const responseTo = uint32le(bytes, 8);
  let opcode = uint32le(bytes, 12);
  let body = bytes.subarray(HEADER_BYTES, needed);
  if (opcode === Opcode.compressed) {
    opcode = uint32le(body, 0);
    body = unpack(body);
  }
  if (sender === Sender.server) {
    // Of an exhausted cursor or a streamed hello only the first answer has a request.
    if (!state.pending.delete(responseTo)) return total;
    const response = newMessage(MessageRole.response, responseTo, opcode);
    readAnswer(body, opcode, response);
    sink.message(response);
    return total;
  }
  const id = uint32le(bytes, 4);
  const isOneWay =
    UNANSWERED.has(opcode) ||
    (opcode === Opcode.message && body.length >= 4 && (uint32le(body, 0) & MORE_TO_COME) !== 0);
  const request = newMessage(isOneWay ? MessageRole.oneWay : MessageRole.request, id, opcode);
  readRequest(body, opcode, request);
  if (!isOneWay) {
    if (state.pending.size >= MAX_PENDING) state.pending.delete(state.pending.values().next().value!);
    state.pending.add(id);
  }
  sink.message(request);
  return total;
}

/** original opcode, uncompressed size, compressor, data */
function unpack(body: Uint8Array): Uint8Array {
  const data = body.subarray(9);
  switch (body[8]) {
    case 0:
      return data;
    case 1:
      return unpackSnappy(data, PREFIX_BYTES) ?? EMPTY;
    case 2:
      return inflateZlib(data, PREFIX_BYTES) ?? EMPTY;
    case 3:
      return unpackZstd(data, PREFIX_BYTES) ?? EMPTY;
    default:
      return EMPTY;
  }
}

const EMPTY = new Uint8Array(0);

function readRequest(body: Uint8Array, opcode: number, message: MongodbMessage): void {
  if (opcode === Opcode.message) {
    const document = bodySection(body);
    if (document >= 0) readCommand(body, document, message);
    return;
  }
  message.command = OPCODE_NAMES.get(opcode);
  if (opcode === Opcode.killCursors) return;
  const name = cString(body, 4);
  if (name === undefined) return;
  const dot = name.indexOf(".");
  message.database = dot < 0 ? name : name.slice(0, dot);
  const collection = dot < 0 ? "" : name.slice(dot + 1);
  if (opcode === Opcode.query && collection === "$cmd") {
    readCommand(body, 4 + name.length + 1 + 8, message);
    return;
  }
  if (opcode === Opcode.query) message.command = "find";
  message.collection = collection;
}

function cString(body: Uint8Array, from: number): string | undefined {
  const zero = body.indexOf(0, from);
  return zero < 0 || zero - from > 255 ? undefined : latin1(body, from, zero);
}

/** Index of the document of kind 0, -1 if it is not in view. Sections of kind 1 may stand before it. */
function bodySection(body: Uint8Array): number {
  let at = 4;
  while (at + 5 < body.length) {
    if (body[at] === 0) return at + 1;
    if (body[at] !== 1) return -1;
    at += 1 + uint32le(body, at + 1);
  }
  return -1;
}

function readCommand(body: Uint8Array, document: number, message: MongodbMessage): void {
  let first: BsonElement | undefined;
  for (const element of bsonElements(body, document, body.length)) {
    if (first === undefined) {
      first = element;
      message.command = element.name;
      if (isOfCollection(element.name)) message.collection = bsonString(body, element, body.length);
    } else if (element.name === "$db") message.database = bsonString(body, element, body.length);
    else if (element.name === "collection" && message.command === "getMore") {
      message.collection = bsonString(body, element, body.length);
    }
  }
  if (first === undefined) return;
  const shown = isOfCollection(first.name) ? [first.name, "collection"] : ["collection"];
  message.text = bsonShape(body, document, body.length, new Set(shown));
}

function readAnswer(body: Uint8Array, opcode: number, message: MongodbMessage): void {
  const document = opcode === Opcode.message ? bodySection(body) : opcode === Opcode.reply ? 20 : -1;
  if (document < 0) return;
  for (const element of bsonElements(body, document, body.length)) {
    if (element.name === "ok") message.isFailed = bsonNumber(body, element) === 0;
    else if (element.name === "code") message.errorCode = bsonNumber(body, element);
    else if (element.name === "writeErrors" && element.type === BsonType.array) {
      message.isFailed = true;
      message.errorCode ??= firstErrorCode(body, element);
    }
  }
}

function firstErrorCode(body: Uint8Array, array: BsonElement): number | undefined {
  for (const entry of bsonElements(body, array.at, body.length)) {
    if (entry.type !== BsonType.document) return undefined;
    for (const element of bsonElements(body, entry.at, body.length)) {
      if (element.name === "code") return bsonNumber(body, element);
    }
  }
  return undefined;
}

function recognize(bytes: Uint8Array, at: number): Recognition {
  if (bytes.length < at + HEADER_BYTES) {
    return bytes.length < at + 4 || uint32le(bytes, at) <= MAX_MESSAGE_BYTES ? Recognition.needMore : Recognition.no;
  }
  if (!isHeader(bytes, at)) return Recognition.no;
  const body = at + HEADER_BYTES;
  if (bytes.length < body + 9) return Recognition.needMore;
  const isAnswer = uint32le(bytes, at + 8) !== 0;
  switch (uint32le(bytes, at + 12)) {
    case Opcode.message: {
      const kind = bytes[body + 4]!;
      if ((uint32le(bytes, body) & ~KNOWN_FLAGS) !== 0 || kind > 1 || uint32le(bytes, body + 5) > uint32le(bytes, at)) {
        return Recognition.no;
      }
      return isAnswer ? Recognition.response : Recognition.request;
    }
    case Opcode.compressed:
      if (!OPCODE_NAMES.has(uint32le(bytes, body)) || bytes[body + 8]! > 3) return Recognition.no;
      return isAnswer ? Recognition.response : Recognition.request;
    case Opcode.reply:
      return isAnswer && uint32le(bytes, body) <= 15 ? Recognition.response : Recognition.no;
    case Opcode.killCursors:
      return isAnswer ? Recognition.no : Recognition.request;
    default: {
      if (isAnswer) return Recognition.no;
      const zero = bytes.indexOf(0, body + 4);
      if (zero < 0) return bytes.length < body + 200 ? Recognition.needMore : Recognition.no;
      return /^[^.\0]{1,64}\../.test(latin1(bytes, body + 4, zero)) ? Recognition.request : Recognition.no;
    }
  }
}

const FRAMING: Framing = {
  headerBytes: 4,
  length: { offset: 0, bytes: 4, isLittleEndian: true, bias: 0 },
  maximumBytes: MAX_MESSAGE_BYTES,
  client: { others: firstBytes(PREFIX_BYTES) },
  server: { others: firstBytes(PREFIX_BYTES) },
};

export const mongodb: Protocol<MongodbMessage, MongodbState> = {
  name: "mongodb",
  networkProtocolName: "mongodb",
  signsIn: ({ command }) => SIGN_IN.includes(command),
  usualPorts: [27017, 27018, 27019],
  framing: FRAMING,
  resyncsAtCallStart: true,

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    if (hint.transport !== "tcp") return Recognition.no;
    const verdict = recognize(bytes, 0);
    const isContrary =
      (verdict === Recognition.request && hint.sender === Sender.server) ||
      (verdict === Recognition.response && hint.sender === Sender.client);
    return isContrary ? Recognition.no : verdict;
  },

  createState: () => ({ pending: new Set() }),
  parse,

  findBoundary(bytes, from, sender): number {
    const verdict = recognize(bytes, from);
    return verdict === (sender === Sender.client ? Recognition.request : Recognition.response) ? from : -1;
  },

  resync: () => {},

  describe(session: Session<MongodbMessage>): SpanFields | undefined {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const operation = request.command ?? OPCODE_NAMES.get(request.opcode) ?? "unknown";
    const attributes: Attribute[] = [
      ["db.system.name", "mongodb"],
      ["db.operation.name", operation],
    ];
    if (request.database !== undefined) attributes.push(["db.namespace", request.database]);
    if (request.collection !== undefined) attributes.push(["db.collection.name", request.collection]);
    if (request.text !== undefined) attributes.push(["db.query.text", request.text]);
    let errorType = missingResponse(session);
    if (response?.isFailed) {
      errorType = response.errorCode === undefined ? "_OTHER" : String(response.errorCode);
      if (response.errorCode !== undefined) attributes.push(["db.response.status_code", errorType]);
    }
    if (errorType !== undefined) attributes.push(["error.type", errorType]);
    const target = request.collection ?? request.database;
    return {
      name: target === undefined ? operation : `${operation} ${target}`,
      attributes,
      isError: errorType !== undefined,
    };
  },
};
