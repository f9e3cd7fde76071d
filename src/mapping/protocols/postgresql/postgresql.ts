/**
 * PostgreSQL, protocol 3 (postgresql.org/docs/current/protocol.html): simple and extended queries, pipelines, COPY,
 * cancel, the SSL request. One exchange is one Execute (consecutive ones of the same statement are a batch), one
 * simple query, one prepare, or the login.
 *
 * Claims: startup packets, a query or parse with SQL text, or chains of frames whose types and lengths all fit.
 * Bound of the state: MAX_STATEMENTS statements and portals of MAX_TEXT characters, MAX_PENDING requests.
 */
import { makeRoom } from "../../../make-room.ts";
import { latin1, utf8 } from "../../latin1.ts";
import { uint16, uint32 } from "../byte-reader.ts";
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
} from "../protocol.ts";
import { sqlComment } from "../sql/comment.ts";
import { FRAME_HEADER_BYTES, MAX_FRAME_BYTES, MAX_TEXT, POSTGRESQL_FRAMING } from "./framing.ts";
import { recognizePostgresql } from "./recognition.ts";
import { describePostgresql } from "./span.ts";

type PostgresqlKind = "query" | "execute" | "prepare" | "login" | "cancel" | "function";

export interface PostgresqlMessage extends Message {
  kind: PostgresqlKind;
  text: string | undefined;
  readonly database: string | undefined;
  /** Executes of the same statement. */
  executes: number;
  /** An earlier error made the server pass over it. */
  isAborted: boolean;
  /** Responses: SQLSTATE. */
  errorCode: string | undefined;
  rows: number | undefined;
}

interface Pending {
  readonly message: PostgresqlMessage;
  /** The client has said all of it. */
  isClosed: boolean;
  completed: number;
  /** The last thing that it waits for is the description of a statement. */
  isDescribed: boolean;
}

interface PostgresqlState {
  database: string | undefined;
  nextId: number;
  /** Requests and, as undefined, Sync messages, in order. */
  pending: (Pending | undefined)[];
  /** The request that the client is still adding to. */
  open: Pending | undefined;
  response: PostgresqlMessage | undefined;
  readonly statements: Map<string, string>;
  readonly portals: Map<string, string>;
  isAwaitingSsl: boolean;
  /** Nothing typed was seen yet: a startup packet may come. */
  isStarting: boolean;
  /** The rows that come are a COPY's. */
  isCopying: boolean;
}

const MAX_STATEMENTS = 256;
const MAX_PENDING = 1024;
const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;

const CLIENT_TYPES = "QPBEDSCHdcfpFX";
const SERVER_TYPES = "RSKZTDCIEN123nstGHWdcAVv";

function newMessage(state: PostgresqlState, kind: PostgresqlKind, text: string | undefined): PostgresqlMessage {
  return {
    role: kind === "cancel" ? MessageRole.oneWay : MessageRole.request,
    id: state.nextId++,
    kind,
    text,
    database: state.database,
    executes: 0,
    isAborted: false,
    errorCode: undefined,
    rows: undefined,
  };
}

function remember(map: Map<string, string>, name: string, text: string): void {
  map.delete(name);
  makeRoom(map, MAX_STATEMENTS);
  map.set(name, text);
}

function enqueue(state: PostgresqlState, pending: Pending | undefined): void {
  if (state.pending.length >= MAX_PENDING) state.pending.shift();
  state.pending.push(pending);
}

function parseStartup(bytes: Uint8Array, state: PostgresqlState, sink: MessageSink<PostgresqlMessage>): number {
  if (bytes.length < 8) return NEED_MORE;
  const length = uint32(bytes, 0);
  const code = uint32(bytes, 4);
  if (length < 8 || length > 10_000) return INVALID;
  if (bytes.length < length) return NEED_MORE;
  if (code === SSL_REQUEST || code === GSS_REQUEST) {
    state.isAwaitingSsl = true;
    return length;
  }
  if (code === CANCEL_REQUEST) {
    sink.message(newMessage(state, "cancel", undefined));
    return length;
  }
  if (code >>> 16 !== 3) return INVALID;
  const parameters = latin1(bytes, 8, length).split("\0");
  for (let i = 0; i + 1 < parameters.length; i += 2) {
    if (parameters[i] === "user") state.database ??= parameters[i + 1];
    if (parameters[i] === "database") state.database = parameters[i + 1];
  }
  state.isStarting = false;
  const message = newMessage(state, "login", undefined);
  enqueue(state, { message, isClosed: true, completed: 0, isDescribed: false });
  sink.message(message);
  return length;
}

/** Index behind the zero byte of the text that begins at `from`. */
function behindText(bytes: Uint8Array, from: number, end: number): number {
  const zero = bytes.indexOf(0, from);
  return zero < 0 || zero >= end ? end : zero + 1;
}

function textAt(bytes: Uint8Array, from: number, end: number, limit = MAX_TEXT): string {
  const zero = bytes.indexOf(0, from);
  return utf8(bytes, from, Math.min(zero < 0 ? end : zero, end, from + limit));
}

function parseClient(bytes: Uint8Array, state: PostgresqlState, sink: MessageSink<PostgresqlMessage>): number {
  // No type is 0, and no startup packet is 16 MB long.
  if (bytes[0] === 0) return parseStartup(bytes, state, sink);
  if (bytes.length < FRAME_HEADER_BYTES) return NEED_MORE;
  const type = String.fromCharCode(bytes[0]!);
  const length = uint32(bytes, 1);
  if (!CLIENT_TYPES.includes(type) || length < 4 || length > MAX_FRAME_BYTES) return INVALID;
  const total = length + 1;
  state.isStarting = false;
  if (type === "d") return total;
  const end = Math.min(total, FRAME_HEADER_BYTES + MAX_TEXT);
  if (bytes.length < end) return NEED_MORE;
  const body = FRAME_HEADER_BYTES;
  switch (type) {
    case "Q":
    case "F": {
      closeOpen(state, sink);
      const text = type === "Q" ? textAt(bytes, body, end) : undefined;
      const message = newMessage(state, type === "Q" ? "query" : "function", text);
      enqueue(state, { message, isClosed: true, completed: 0, isDescribed: false });
      sink.message(message);
      return total;
    }
    case "P": {
      const name = textAt(bytes, body, end, 64);
      const text = textAt(bytes, behindText(bytes, body, end), end);
      remember(state.statements, name, text);
      // A statement that is parsed while another one's executes are open begins a new request.
      if (state.open === undefined || state.open.message.executes > 0) openRequest(state, sink, text);
      else state.open.message.text = text;
      return total;
    }
    case "B": {
      const portal = textAt(bytes, body, end, 64);
      const text = state.statements.get(textAt(bytes, behindText(bytes, body, end), end, 64));
      if (text !== undefined) remember(state.portals, portal, text);
      else state.portals.delete(portal);
      const { open } = state;
      if (open === undefined || (open.message.executes > 0 && open.message.text !== text)) {
        openRequest(state, sink, text);
      } else open.message.text ??= text;
      return total;
    }
    case "D":
      if (bytes[body] === 0x53 && state.open !== undefined) state.open.isDescribed = true;
      return total;
    case "E": {
      const text = state.portals.get(textAt(bytes, body, end, 64));
      let { open } = state;
      if (open === undefined || (open.message.executes > 0 && open.message.text !== text)) {
        open = openRequest(state, sink, text);
      }
      open.message.kind = "execute";
      open.message.text ??= text;
      open.message.executes++;
      return total;
    }
    case "S":
      closeOpen(state, sink);
      enqueue(state, undefined);
      return total;
    case "H":
    case "X":
      closeOpen(state, sink);
      return total;
    case "C":
      if (bytes[body] === 0x53) state.statements.delete(textAt(bytes, body + 1, end, 64));
      return total;
    default:
      return total;
  }
}

/** Until the Execute comes it is a prepare. */
function openRequest(state: PostgresqlState, sink: MessageSink<PostgresqlMessage>, text: string | undefined): Pending {
  closeOpen(state, sink);
  const message = newMessage(state, "prepare", text);
  const pending: Pending = { message, isClosed: false, completed: 0, isDescribed: false };
  enqueue(state, pending);
  state.open = pending;
  sink.begin(message);
  return pending;
}

function closeOpen(state: PostgresqlState, sink: MessageSink<PostgresqlMessage>): void {
  if (state.open === undefined) return;
  state.open.isClosed = true;
  sink.end(state.open.message);
  state.open = undefined;
}

/** What a server frame is to the request at the head of the queue. */
function parseServer(bytes: Uint8Array, state: PostgresqlState, sink: MessageSink<PostgresqlMessage>): number {
  if (state.isAwaitingSsl) {
    state.isAwaitingSsl = false;
    // N: no; S, G: from here on it is encrypted; E: a server that does not know the request.
    if (bytes[0] === 0x53 || bytes[0] === 0x47) sink.upgrade("tls");
    if (bytes[0] !== 0x45) return 1;
  }
  let at = 0;
  while (at + FRAME_HEADER_BYTES <= bytes.length) {
    const type = String.fromCharCode(bytes[at]!);
    const length = uint32(bytes, at + 1);
    if (!SERVER_TYPES.includes(type) || length < 4 || length > MAX_FRAME_BYTES) return at > 0 ? at : INVALID;
    const next = at + 1 + length;
    const isRow = type === "D" || type === "d";
    if (!isRow && next > bytes.length && length <= MAX_TEXT) break;
    if (type === "A" || type === "N" || type === "S" || type === "K" || type === "v") {
      at = next;
      continue;
    }
    const pending = state.pending[0];
    if (pending === undefined) {
      // A Sync's ReadyForQuery, or frames that nothing which was seen asked for.
      if (type === "Z" && state.pending.length > 0) state.pending.shift();
      // One at a time: what is behind it may answer what the client says before it.
      return next;
    }
    const isNew = state.response === undefined;
    state.response ??= { ...newMessage(state, pending.message.kind, undefined), role: MessageRole.response };
    const { response } = state;
    if (isNew) {
      (response as { id: number }).id = pending.message.id as number;
      response.rows = undefined;
    }
    if (isRow) {
      if (type === "D") response.rows = (response.rows ?? 0) + 1;
    } else readFrame(bytes, at, Math.min(next, bytes.length), type, response);
    if (!isRow) state.isCopying = type === "H" || type === "W";
    at = next;
    if (isLast(type, pending, state)) {
      state.pending.shift();
      state.response = undefined;
      if (isNew || !begunResponses.has(response)) sink.message(response);
      else sink.end(response);
      return at;
    }
    if (isNew) {
      begunResponses.add(response);
      sink.begin(response);
      return at;
    }
  }
  return at === 0 ? NEED_MORE : at;
}

const begunResponses = new WeakSet<PostgresqlMessage>();

function isLast(type: string, pending: Pending, state: PostgresqlState): boolean {
  const { message } = pending;
  if (message.kind === "query" || message.kind === "login" || message.kind === "function") {
    // A login that fails has no ReadyForQuery.
    return type === "Z" || (type === "E" && message.kind === "login");
  }
  if (type === "E") {
    abortUntilSync(state);
    return true;
  }
  if (type === "Z") {
    // The Sync is answered, so that everything before it is over, whatever was missed.
    abortUntilSync(state);
    if (state.pending.length > 1) state.pending.splice(1, 1);
    return true;
  }
  if (message.kind === "prepare") {
    return pending.isDescribed ? type === "T" || type === "n" : type === "1";
  }
  if (type === "C" || type === "s" || type === "I") pending.completed++;
  return pending.isClosed && pending.completed >= message.executes && message.executes > 0;
}

/** After an error the server passes over everything up to the next Sync. */
function abortUntilSync(state: PostgresqlState): void {
  while (state.pending.length > 1 && state.pending[1] !== undefined) {
    state.pending[1].message.isAborted = true;
    state.pending.splice(1, 1);
  }
}

function readFrame(bytes: Uint8Array, at: number, end: number, type: string, response: PostgresqlMessage): void {
  const body = at + FRAME_HEADER_BYTES;
  if (type === "E") {
    for (let field = body; field < end && bytes[field] !== 0; field = behindText(bytes, field + 1, end)) {
      if (bytes[field] === 0x43) response.errorCode ??= latin1(bytes, field + 1, Math.min(field + 6, end));
    }
  } else if (type === "T") {
    // Rows may follow: a query that finds none returned 0.
    if (uint16(bytes, body) > 0 && response.kind !== "prepare") response.rows ??= 0;
  }
}

export const postgresql: Protocol<PostgresqlMessage, PostgresqlState> = {
  name: "postgresql",
  networkProtocolName: "postgresql",
  usualPorts: [5432, 6432, 5433, 26257],
  resyncsAtCallStart: true,
  framing: POSTGRESQL_FRAMING,
  isFramed: (state) => !state.isStarting && !state.isAwaitingSsl,
  leftOut(count, sender, { response, isCopying }): void {
    if (sender === Sender.server && response !== undefined && !isCopying) response.rows = (response.rows ?? 0) + count;
  },

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    return hint.transport === "tcp" ? recognizePostgresql(bytes, hint.sender) : Recognition.no;
  },

  createState: () => ({
    database: undefined,
    nextId: 1,
    pending: [],
    open: undefined,
    response: undefined,
    statements: new Map(),
    portals: new Map(),
    isAwaitingSsl: false,
    isStarting: true,
    isCopying: false,
  }),

  parse(bytes, sender, state, sink): number {
    return sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink);
  },

  findBoundary(bytes, from, sender): number {
    const verdict = recognizePostgresql(from === 0 ? bytes : bytes.subarray(from), sender);
    return verdict === Recognition.request || verdict === Recognition.response ? from : -1;
  },

  resync(state, sender): void {
    state.pending = [];
    state.open = undefined;
    state.response = undefined;
    state.isAwaitingSsl = false;
    if (sender === Sender.client) {
      state.statements.clear();
      state.portals.clear();
    }
  },

  carried(message: PostgresqlMessage, key: string): string | undefined {
    return message.text === undefined ? undefined : sqlComment(message.text, key);
  },

  describe: describePostgresql,
};
