/**
 * Cassandra's native protocol, versions 3 and 4 (github.com/apache/cassandra, doc/native_protocol_v4.spec), and version
 * 5 up to the point where it begins to wrap its frames in segments, which are not read. Frames are paired by stream id.
 *
 * Claims: version, flags and operation code that agree, and a body that begins as one of that operation.
 * State: texts of 512 prepared statements, 1024 that wait for their id, the keyspace.
 */

import { makeRoom } from "../../../make-room.ts";
import { type Framing, firstBytes } from "../../connection/framing.ts";
import { latin1 } from "../../latin1.ts";
import type { Attribute } from "../../span.ts";
import { ByteReader, uint32 } from "../byte-reader.ts";
import { describeDatabase } from "../database-span.ts";
import { framed } from "../framed.ts";
import { INVALID, type Message, MessageRole, NEED_MORE, type Protocol, Recognition, Sender } from "../protocol.ts";
import { CASSANDRA_ERRORS, CONSISTENCY_LEVELS, OPCODE_NAMES, Opcode } from "./names.ts";

interface CassandraMessage extends Message {
  readonly opcode: number;
  readonly text: string | undefined;
  readonly keyspace: string | undefined;
  readonly consistency: number | undefined;
  readonly batchSize: number | undefined;
  readonly errorCode: number | undefined;
  readonly errorText: string | undefined;
}

interface CassandraState {
  /** By id, latin1. */
  readonly prepared: Map<string, string>;
  readonly preparing: Map<number, string>;
  keyspace: string | undefined;
}

const HEADER_BYTES = 9;
const MAX_BODY = 256 * 1024 * 1024;
const READ_BYTES = HEADER_BYTES + 4096;
const MAX_TEXT = 4096;
const MAX_PREPARED = 512;
const MAX_PREPARING = 1024;
const Flag = { compressed: 1, tracing: 2, payload: 4, warning: 8 } as const;
const ResultKind = { rows: 2, setKeyspace: 3, prepared: 4 } as const;
const REQUESTS: ReadonlySet<number> = new Set([1, 5, 7, 9, 10, 11, 13, 15]);
const RESPONSES: ReadonlySet<number> = new Set([0, 2, 3, 6, 8, 12, 14, 16]);

function frameLength(bytes: Uint8Array, at: number): number {
  const version = bytes[at];
  if (version === undefined) return NEED_MORE;
  const isResponse = version >= 0x80;
  if ((version & 0x7f) < 3 || (version & 0x7f) > 5 || (bytes[at + 1] ?? 0) > 0x1f) return INVALID;
  if (bytes.length < at + HEADER_BYTES) return NEED_MORE;
  if (!(isResponse ? RESPONSES : REQUESTS).has(bytes[at + 4]!)) return INVALID;
  const length = uint32(bytes, at + 5);
  return length <= MAX_BODY ? HEADER_BYTES + length : INVALID;
}

function read(bytes: Uint8Array, end: number, sender: Sender, state: CassandraState): CassandraMessage | undefined {
  const isResponse = bytes[0]! >= 0x80;
  if (isResponse !== (sender === Sender.server)) return undefined;
  const opcode = bytes[4]!;
  const id = (bytes[2]! << 8) | bytes[3]!;
  const flags = bytes[1]!;
  const reader = new ByteReader(bytes, HEADER_BYTES, (flags & Flag.compressed) !== 0 ? HEADER_BYTES : end);
  return isResponse ? readResponse(reader, flags, opcode, id, state) : readRequest(reader, flags, opcode, id, state);
}

function longText(reader: ByteReader): string | undefined {
  const length = reader.uint32();
  const text = reader.utf8(Math.min(length, reader.remaining, MAX_TEXT));
  reader.skip(length - Math.min(length, MAX_TEXT));
  return text === "" ? undefined : text;
}

function readRequest(
  reader: ByteReader,
  flags: number,
  opcode: number,
  id: number,
  state: CassandraState,
): CassandraMessage {
  if ((flags & Flag.payload) !== 0) skipPayload(reader);
  let text: string | undefined;
  let consistency: number | undefined;
  let batchSize: number | undefined;
  if (opcode === Opcode.query) {
    text = longText(reader);
    consistency = reader.uint16();
    const used = /^\s*use\s+"?(\w{1,48})"?\s*;?\s*$/i.exec(text ?? "")?.[1];
    if (used !== undefined) state.keyspace = used;
  } else if (opcode === Opcode.prepare) {
    text = longText(reader);
    if (text !== undefined && state.preparing.size < MAX_PREPARING) state.preparing.set(id, text);
  } else if (opcode === Opcode.execute) {
    text = state.prepared.get(reader.latin1(reader.uint16()));
    consistency = reader.uint16();
  } else if (opcode === Opcode.batch) {
    reader.skip(1);
    batchSize = reader.uint16();
    text = batchText(reader, batchSize, state);
  }
  return {
    role: MessageRole.request,
    id,
    opcode,
    text,
    keyspace: state.keyspace,
    consistency: reader.failed ? undefined : consistency,
    batchSize,
    errorCode: undefined,
    errorText: undefined,
  };
}

/** One text, where all statements have the same; of a long batch as many as are in view. */
function batchText(reader: ByteReader, size: number, state: CassandraState): string | undefined {
  const texts = new Set<string | undefined>();
  for (let index = 0; index < size && !reader.failed; index++) {
    const isText = reader.uint8() === 0;
    const text = isText ? longText(reader) : state.prepared.get(reader.latin1(reader.uint16()));
    if (index === 0 || !reader.failed) texts.add(text);
    for (let values = reader.uint16(); values > 0 && !reader.failed; values--) reader.skip(Math.max(0, reader.int32()));
  }
  return texts.has(undefined) ? undefined : [...texts].join("; ").slice(0, MAX_TEXT);
}

function readResponse(
  reader: ByteReader,
  flags: number,
  opcode: number,
  id: number,
  state: CassandraState,
): CassandraMessage | undefined {
  // An event has the stream id -1, and nobody asked for it.
  if (opcode === Opcode.event) return undefined;
  if ((flags & Flag.tracing) !== 0) reader.skip(16);
  if ((flags & Flag.warning) !== 0)
    for (let count = reader.uint16(); count > 0 && !reader.failed; count--) reader.skip(reader.uint16());
  if ((flags & Flag.payload) !== 0) skipPayload(reader);
  let errorCode: number | undefined;
  let errorText: string | undefined;
  const preparing = state.preparing.get(id);
  state.preparing.delete(id);
  if (opcode === Opcode.error) {
    errorCode = reader.uint32();
    errorText = reader.utf8(reader.uint16());
  } else if (opcode === Opcode.result) {
    const kind = reader.uint32();
    if (kind === ResultKind.setKeyspace) state.keyspace = reader.utf8(reader.uint16()) || state.keyspace;
    else if (kind === ResultKind.prepared && preparing !== undefined) {
      const key = reader.latin1(reader.uint16());
      makeRoom(state.prepared, MAX_PREPARED);
      if (!reader.failed) state.prepared.set(key, preparing);
    }
  }
  return {
    role: MessageRole.response,
    id,
    opcode,
    text: undefined,
    keyspace: undefined,
    consistency: undefined,
    batchSize: undefined,
    errorCode,
    errorText,
  };
}

function skipPayload(reader: ByteReader): void {
  for (let count = reader.uint16(); count > 0 && !reader.failed; count--) {
    reader.skip(reader.uint16());
    const length = reader.int32();
    if (length > 0) reader.skip(length);
  }
}

function classify(bytes: Uint8Array): Recognition {
  if (bytes.length < HEADER_BYTES) return Recognition.needMore;
  const opcode = bytes[4]!;
  const length = uint32(bytes, 5);
  const flags = bytes[1]!;
  const body = latin1(bytes, HEADER_BYTES, Math.min(bytes.length, HEADER_BYTES + 32));
  if (bytes[0]! >= 0x80) {
    if (opcode === Opcode.supported) {
      if (body.length < 16) return Recognition.needMore;
      return /COMPRESSION|CQL_VERSION|PROTOCOL_V/.test(body) ? Recognition.response : Recognition.no;
    }
    if (opcode === Opcode.ready) return length === 0 ? Recognition.needMore : Recognition.no;
    if (opcode !== Opcode.result || flags !== 0)
      return opcode === Opcode.error && length < 4096 ? Recognition.needMore : Recognition.no;
    if (bytes.length < HEADER_BYTES + 8)
      return length === 4 ? Recognition.needMore : length < 4 ? Recognition.no : Recognition.needMore;
    const kind = uint32(bytes, HEADER_BYTES);
    return kind >= 1 && kind <= 5 ? Recognition.response : Recognition.no;
  }
  if (opcode === Opcode.options) return length === 0 ? Recognition.request : Recognition.no;
  if (opcode === Opcode.startup) {
    if (length > 1024 || length < 10) return Recognition.no;
    if (body.length < 16) return Recognition.needMore;
    return /CQL_VERSION|COMPRESSION|DRIVER_|CLIENT_ID|APPLICATION/.test(latin1(bytes, HEADER_BYTES, bytes.length))
      ? Recognition.request
      : Recognition.no;
  }
  if (opcode !== Opcode.query && opcode !== Opcode.prepare) {
    return opcode === Opcode.execute && length < 65_536 ? Recognition.needMore : Recognition.no;
  }
  if ((flags & ~Flag.tracing) !== 0) return Recognition.no;
  if (bytes.length < HEADER_BYTES + 12) return Recognition.needMore;
  if (uint32(bytes, HEADER_BYTES) + 4 > length) return Recognition.no;
  const isCql = /^\s*(?:select|insert|update|delete|create|alter|drop|truncate|use|begin|grant|list)\b/i.test(
    body.slice(4),
  );
  return isCql ? Recognition.request : Recognition.no;
}

const FRAMING: Framing = {
  headerBytes: HEADER_BYTES,
  length: { offset: 5, bytes: 4, bias: HEADER_BYTES },
  maximumBytes: HEADER_BYTES + MAX_BODY,
  client: { others: firstBytes(READ_BYTES) },
  server: { others: firstBytes(READ_BYTES) },
};

export const cassandra: Protocol<CassandraMessage, CassandraState> = {
  name: "cassandra",
  networkProtocolName: "cql",
  usualPorts: [9042],
  framing: FRAMING,
  ...framed({ transport: "tcp", frameLength, readBytes: READ_BYTES, read, classify }),
  createState: () => ({ prepared: new Map(), preparing: new Map(), keyspace: undefined }),
  resync(state, sender) {
    state.preparing.clear();
    if (sender === Sender.client) state.keyspace = undefined;
  },
  describe(session) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const { opcode, consistency, batchSize } = request;
    // What a driver asks to keep the connection alive, or to be told of events.
    if (opcode === Opcode.options || opcode === Opcode.register) return undefined;
    const attributes: Attribute[] = [];
    const level = consistency === undefined ? undefined : CONSISTENCY_LEVELS[consistency];
    if (level !== undefined) attributes.push(["cassandra.consistency.level", level]);
    const code = response?.errorCode;
    return describeDatabase(session, {
      system: "cassandra",
      namespace: request.keyspace,
      command: OPCODE_NAMES.get(opcode) ?? String(opcode),
      isPrepare: opcode === Opcode.prepare,
      text: request.text,
      ...(batchSize === undefined ? {} : { batchSize }),
      attributes,
      errorCode: code === undefined ? undefined : `0x${code.toString(16).padStart(4, "0")}`,
      errorType: code === undefined ? undefined : CASSANDRA_ERRORS.get(code),
      statusMessage: response?.errorText,
    });
  },
};
