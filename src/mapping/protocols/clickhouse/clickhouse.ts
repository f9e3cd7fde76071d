/**
 * ClickHouse's native protocol (clickhouse.com/docs/native-protocol): logins, queries and pings, one at a time on a
 * connection. Blocks have no length: they are stepped over by the types of their columns, compressed ones by their
 * frames. Behind a type that can't be stepped over, what is sent is passed over up to the next query.
 *
 * Claims: a client's hello with its revision, or a query packet with its initial query's fields.
 * State: the query in work, the database, one block for each direction.
 */
import type { Attribute } from "../../span.ts";
import { ByteReader } from "../byte-reader.ts";
import { describeDatabase, returnedRows } from "../database-span.ts";
import { agreed } from "../framed.ts";
import { INVALID, MessageRole, type MessageSink, NEED_MORE, type Protocol, Recognition, Sender } from "../protocol.ts";
import { BlockWalker, compressedFrame, UNKNOWN_TYPE } from "./block.ts";
import { ASSUMED_REVISION, Client, progressFields, SERVER_STARTS, Server } from "./packets.ts";
import { readQuery, skipText } from "./query.ts";
import { classifyClient, isServerHello } from "./recognition.ts";
import { type ClickhouseMessage, type ClickhouseState, type Direction, newDirection, newMessage } from "./state.ts";

const MAX_PACKET = 262_144;

function parseClient(bytes: Uint8Array, state: ClickhouseState, sink: MessageSink<ClickhouseMessage>): number {
  const direction = state.directions[Sender.client];
  if (direction.block !== undefined || direction.isInFrames) return continueBlock(bytes, direction, state);
  if (state.isAddendumDue) {
    state.isAddendumDue = false;
    const count = addendum(bytes, state);
    if (count !== 0) {
      if (count === NEED_ADDENDUM) {
        state.isAddendumDue = true;
        return NEED_MORE;
      }
      return count;
    }
  }
  const reader = new ByteReader(bytes);
  switch (reader.varint()) {
    case Client.hello:
      return hello(reader, state, sink);
    case Client.query: {
      const query = readQuery(reader, state.revision);
      if (reader.failed) return bytes.length > MAX_PACKET ? INVALID : NEED_MORE;
      if (query === undefined) return direction.isLost ? bytes.length : INVALID;
      direction.isLost = false;
      state.isCompressed = query.isCompressed;
      state.pending = newMessage(state, MessageRole.request, "QUERY", query.text, query.traceparent);
      state.response = undefined;
      state.rows = undefined;
      Object.assign(state.directions[Sender.server], newDirection());
      sink.message(state.pending);
      return reader.position;
    }
    case Client.data:
      if (direction.isLost) return bytes.length;
      return beginBlock(bytes, reader, direction, state, state.isCompressed, false);
    case Client.ping:
      if (direction.isLost) return bytes.length;
      state.pending = newMessage(state, MessageRole.request, "PING");
      sink.message(state.pending);
      return 1;
    case Client.cancel:
      return direction.isLost ? bytes.length : 1;
    default:
      return direction.isLost ? bytes.length : INVALID;
  }
}

function hello(reader: ByteReader, state: ClickhouseState, sink: MessageSink<ClickhouseMessage>): number {
  skipText(reader);
  reader.varint();
  reader.varint();
  const revision = reader.varint();
  const database = reader.utf8(reader.varint());
  skipText(reader);
  skipText(reader);
  if (reader.failed) return reader.position > 4096 ? INVALID : NEED_MORE;
  state.clientRevision = revision;
  state.revision = revision;
  state.database = database || undefined;
  state.pending = newMessage(state, MessageRole.request, "LOGIN");
  state.isAddendumDue = true;
  sink.message(state.pending);
  return reader.position;
}

const NEED_ADDENDUM = -3;

/** A quota key, since 54458; the ways of chunking, since 54470; a version of parallel replicas, since 54471. */
function addendum(bytes: Uint8Array, state: ClickhouseState): number {
  if (state.revision < 54_458) return 0;
  const reader = new ByteReader(bytes);
  skipText(reader);
  if (state.revision >= 54_470) {
    skipText(reader);
    skipText(reader);
  }
  if (state.revision >= 54_471) reader.varint();
  return reader.failed ? NEED_ADDENDUM : reader.position;
}

/** A packet that is a block: its table's name, then the block, perhaps in compressed frames. */
function beginBlock(
  bytes: Uint8Array,
  reader: ByteReader,
  direction: Direction,
  state: ClickhouseState,
  isCompressed: boolean,
  isData: boolean,
): number {
  skipText(reader);
  if (reader.failed) return NEED_MORE;
  direction.isData = isData;
  if (isCompressed) direction.isInFrames = true;
  else direction.block = new BlockWalker(state.revision);
  const start = reader.position;
  if (start >= bytes.length) return start;
  const count = continueBlock(bytes.subarray(start), direction, state);
  return count < 0 ? count : start + count;
}

function continueBlock(bytes: Uint8Array, direction: Direction, state: ClickhouseState): number {
  if (direction.isInFrames) {
    const frame = compressedFrame(bytes, 0);
    if (frame === NEED_MORE || frame === INVALID) return frame;
    if (frame.isLast) direction.isInFrames = false;
    return frame.length;
  }
  const block = direction.block!;
  const count = block.step(bytes, 0);
  if (count === INVALID) return INVALID;
  if (count === UNKNOWN_TYPE) {
    direction.block = undefined;
    direction.isLost = true;
    return bytes.length;
  }
  if (block.isDone) {
    if (direction.isData && state.response !== undefined) {
      state.rows = (state.rows ?? 0) + block.rows;
    }
    direction.block = undefined;
  }
  return count;
}

function parseServer(bytes: Uint8Array, state: ClickhouseState, sink: MessageSink<ClickhouseMessage>): number {
  const direction = state.directions[Sender.server];
  const { pending } = state;
  if (direction.block !== undefined || direction.isInFrames) return continueBlock(bytes, direction, state);
  // The rest of a hello, or of an answer whose end was not seen.
  if (pending === undefined) return bytes.length;
  if (direction.isLost) return lostAnswer(bytes, state, sink);
  const reader = new ByteReader(bytes);
  const type = reader.varint();
  if (reader.failed) return NEED_MORE;
  if (pending.command !== "QUERY") return shortAnswer(type, reader, state, sink);
  const wasBegun = state.response !== undefined;
  const response = state.response ?? newMessage(state, MessageRole.response, "QUERY");
  state.response = response;
  const count = packet(bytes, type, reader, direction, state);
  if (count === NEED_MORE || count === INVALID) {
    if (!wasBegun) state.response = undefined;
    return count;
  }
  const isDone = type === Server.endOfStream || type === Server.exception;
  if (isDone) {
    response.rows = state.rows;
    state.pending = undefined;
    state.response = undefined;
  }
  if (!wasBegun && isDone) sink.message(response);
  else if (!wasBegun) sink.begin(response);
  else if (isDone) sink.end(response);
  return count;
}

function packet(
  bytes: Uint8Array,
  type: number,
  reader: ByteReader,
  direction: Direction,
  state: ClickhouseState,
): number {
  switch (type) {
    case Server.data:
    case Server.totals:
    case Server.extremes:
      return beginBlock(
        bytes,
        reader,
        direction,
        state,
        state.isCompressed,
        type === Server.data && !state.isCompressed,
      );
    case Server.log:
    case Server.profileEvents:
      return beginBlock(bytes, reader, direction, state, state.isCompressed && state.revision >= 54_481, false);
    case Server.exception:
      return exception(reader, state.response!);
    case Server.progress:
      for (let i = 0; i < progressFields(state.revision); i++) reader.varint();
      break;
    case Server.endOfStream:
      break;
    case Server.profileInfo:
      for (const size of [0, 0, 0, 1, 0, 1])
        if (size === 0) reader.varint();
        else reader.skip(1);
      if (state.revision >= 54_469) {
        reader.skip(1);
        reader.varint();
      }
      break;
    case Server.tableColumns:
      skipText(reader);
      skipText(reader);
      break;
    case Server.timezone:
      skipText(reader);
      break;
    default:
      return INVALID;
  }
  return reader.failed ? NEED_MORE : reader.position;
}

/** Code, name, message, stack trace, and whether another one is nested. */
function exception(reader: ByteReader, message: ClickhouseMessage): number {
  const code = reader.int32le();
  skipText(reader);
  const text = reader.utf8(reader.varint());
  for (let hasMore = true; hasMore && !reader.failed; ) {
    skipText(reader);
    hasMore = reader.uint8() !== 0;
    if (hasMore) {
      reader.skip(4);
      skipText(reader);
      skipText(reader);
    }
  }
  if (reader.failed) return reader.position > MAX_PACKET ? INVALID : NEED_MORE;
  message.errorCode = code;
  message.errorText = text;
  return reader.position;
}

/** Of a login or a ping. */
function shortAnswer(
  type: number,
  reader: ByteReader,
  state: ClickhouseState,
  sink: MessageSink<ClickhouseMessage>,
): number {
  const response = newMessage(state, MessageRole.response, state.pending!.command);
  if (type === Server.exception) {
    const count = exception(reader, response);
    if (count === NEED_MORE || count === INVALID) return count;
  } else if (type === Server.hello) {
    skipText(reader);
    reader.varint();
    reader.varint();
    const revision = reader.varint();
    if (reader.failed) return NEED_MORE;
    state.revision = Math.min(state.clientRevision, revision);
  } else if (type !== Server.pong) return type === Server.progress ? reader.position : INVALID;
  state.pending = undefined;
  sink.message(response);
  return reader.position;
}

/** The last packet of an answer is one byte, or an exception; a piece that ends so is taken for the end. */
function lostAnswer(bytes: Uint8Array, state: ClickhouseState, sink: MessageSink<ClickhouseMessage>): number {
  if (bytes.at(-1) === Server.endOfStream && state.response !== undefined) {
    const { response } = state;
    state.pending = undefined;
    state.response = undefined;
    sink.end(response);
  }
  return bytes.length;
}

export const clickhouse: Protocol<ClickhouseMessage, ClickhouseState> = {
  name: "clickhouse",
  networkProtocolName: "clickhouse",
  signsIn: (request) => request.command === "LOGIN",
  usualPorts: [9000],
  resyncsAtCallStart: true,
  recognize(bytes, hint) {
    if (hint.transport !== "tcp" || bytes[0]! > 14) return Recognition.no;
    if (isServerHello(bytes)) return agreed(Recognition.response, hint.sender);
    // Nothing else that the server says is proof.
    const asServer = SERVER_STARTS.has(bytes[0]!) ? Recognition.needMore : Recognition.no;
    if (hint.sender === Sender.server) return asServer;
    const asClient = classifyClient(bytes);
    return asClient === Recognition.no && hint.sender === undefined ? asServer : asClient;
  },
  createState: () => ({
    revision: ASSUMED_REVISION,
    clientRevision: ASSUMED_REVISION,
    database: undefined,
    isCompressed: false,
    pending: undefined,
    response: undefined,
    rows: undefined,
    isAddendumDue: false,
    directions: [newDirection(), newDirection()],
  }),
  parse: (bytes, sender, state, sink) =>
    sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink),
  /** Of what is inserted. The end of an answer may lie in what was not captured: then it is a gap. */
  passUncaptured(_count, sender, state) {
    const direction = state.directions[sender];
    const isInBlock = direction.block !== undefined || direction.isInFrames || direction.isLost;
    if (sender === Sender.server || state.pending?.command !== "QUERY" || !isInBlock) return false;
    Object.assign(direction, newDirection(), { isLost: true });
    return true;
  },
  findBoundary(bytes, from, sender, state) {
    // Asked behind the gap: what comes is the answer.
    if (sender === Sender.server) return state.pending === undefined || SERVER_STARTS.has(bytes[from]!) ? from : -1;
    return classifyClient(bytes.subarray(from)) === Recognition.request ? from : -1;
  },
  resync(state, sender) {
    Object.assign(state.directions[sender], newDirection());
    state.isAddendumDue = false;
    state.pending = undefined;
    state.response = undefined;
  },
  carried: (message, key) => (key === "traceparent" ? message.traceparent : undefined),
  describe(session) {
    const { request, response } = session;
    if (request === undefined || request.command === "PING") return undefined;
    const attributes: Attribute[] = [];
    // Of an insert the answer has the columns only.
    const isInsert = /^\s*insert\b/i.test(request.text ?? "");
    if (!isInsert) attributes.push(...returnedRows(session, response?.rows));
    const code = response?.errorCode;
    return describeDatabase(session, {
      system: "clickhouse",
      namespace: request.database,
      command: request.command,
      text: request.text,
      dialect: "clickhouse",
      attributes,
      errorCode: code === undefined ? undefined : String(code),
    });
  },
};
