/**
 * PostgreSQL, protocol 3 (postgresql.org/docs/current/protocol.html): simple and extended queries, pipelines, COPY,
 * cancel, the SSL request. One exchange is one Execute (consecutive ones of the same statement are a batch), one
 * simple query, one prepare, or the login.
 *
 * Claims: startup packets, a query or parse with SQL text, or chains of frames whose types and lengths all fit.
 * Bound of the state: MAX_STATEMENTS statements and portals of MAX_TEXT characters, MAX_PENDING requests.
 */
import { latin1 } from "../../latin1.ts";
import { uint16, uint32 } from "../byte-reader.ts";
import {
  INVALID,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  type RecognitionHint,
  Sender,
} from "../protocol.ts";
import { sqlComment } from "../sql/comment.ts";
import { behindText, parseClient } from "./client.ts";
import { FRAME_HEADER_BYTES, MAX_FRAME_BYTES, MAX_TEXT, POSTGRESQL_FRAMING } from "./framing.ts";
import { recognizePostgresql } from "./recognition.ts";
import { describePostgresql } from "./span.ts";
import { newMessage, type Pending, type PostgresqlMessage, type PostgresqlState } from "./state.ts";

const SERVER_TYPES = "RSKZTDCIEN123nstGHWdcAVv";

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
  signsIn: (request) => request.kind === "login",
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
