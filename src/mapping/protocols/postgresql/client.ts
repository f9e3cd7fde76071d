/** What a PostgreSQL client sends: begins of connections, simple queries, and the steps of extended ones, put together to requests. */
import { makeRoom } from "../../../make-room.ts";
import { latin1, utf8 } from "../../latin1.ts";
import { uint32 } from "../byte-reader.ts";
import { INVALID, type MessageSink, NEED_MORE } from "../protocol.ts";
import { FRAME_HEADER_BYTES, MAX_FRAME_BYTES, MAX_TEXT } from "./framing.ts";
import { enqueue, newMessage, type Pending, type PostgresqlMessage, type PostgresqlState } from "./state.ts";

type Sink = MessageSink<PostgresqlMessage>;

const MAX_STATEMENTS = 256;
const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;
const CLIENT_TYPES = "QPBEDSCHdcfpFX";
/** "S": a Describe or Close is for a statement, not for a portal. */
const STATEMENT = 0x53;

export function parseClient(bytes: Uint8Array, state: PostgresqlState, sink: Sink): number {
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
  clientFrame(type, bytes, end, state, sink);
  return total;
}

function parseStartup(bytes: Uint8Array, state: PostgresqlState, sink: Sink): number {
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
export function behindText(bytes: Uint8Array, from: number, end: number): number {
  const zero = bytes.indexOf(0, from);
  return zero < 0 || zero >= end ? end : zero + 1;
}

function textAt(bytes: Uint8Array, from: number, end: number, limit = MAX_TEXT): string {
  const zero = bytes.indexOf(0, from);
  return utf8(bytes, from, Math.min(zero < 0 ? end : zero, end, from + limit));
}

/** @param end of what is looked at */
function clientFrame(type: string, bytes: Uint8Array, end: number, state: PostgresqlState, sink: Sink): void {
  const body = FRAME_HEADER_BYTES;
  switch (type) {
    case "Q":
      simpleRequest("query", textAt(bytes, body, end), state, sink);
      return;
    case "F":
      simpleRequest("function", undefined, state, sink);
      return;
    case "P":
      parseFrame(textAt(bytes, body, end, 64), textAt(bytes, behindText(bytes, body, end), end), state, sink);
      return;
    case "B":
      bindFrame(
        textAt(bytes, body, end, 64),
        state.statements.get(textAt(bytes, behindText(bytes, body, end), end, 64)),
        state,
        sink,
      );
      return;
    case "D":
      if (bytes[body] === STATEMENT && state.open !== undefined) state.open.isDescribed = true;
      return;
    case "E":
      executeFrame(state.portals.get(textAt(bytes, body, end, 64)), state, sink);
      return;
    case "S":
      closeOpen(state, sink);
      enqueue(state, undefined);
      return;
    case "H":
    case "X":
      closeOpen(state, sink);
      return;
    case "C":
      if (bytes[body] === STATEMENT) state.statements.delete(textAt(bytes, body + 1, end, 64));
  }
}

function simpleRequest(kind: "query" | "function", text: string | undefined, state: PostgresqlState, sink: Sink): void {
  closeOpen(state, sink);
  const message = newMessage(state, kind, text);
  enqueue(state, { message, isClosed: true, completed: 0, isDescribed: false });
  sink.message(message);
}

function parseFrame(name: string, text: string, state: PostgresqlState, sink: Sink): void {
  remember(state.statements, name, text);
  // A statement that is parsed while another one's executes are open begins a new request.
  if (state.open === undefined || state.open.message.executes > 0) openRequest(state, sink, text);
  else state.open.message.text = text;
}

function bindFrame(portal: string, text: string | undefined, state: PostgresqlState, sink: Sink): void {
  if (text !== undefined) remember(state.portals, portal, text);
  else state.portals.delete(portal);
  const { message } = requestFor(text, state, sink);
  message.text ??= text;
}

function executeFrame(text: string | undefined, state: PostgresqlState, sink: Sink): void {
  const { message } = requestFor(text, state, sink);
  message.kind = "execute";
  message.text ??= text;
  message.executes++;
}

/** The open request, unless it executes another statement already. */
function requestFor(text: string | undefined, state: PostgresqlState, sink: Sink): Pending {
  const { open } = state;
  const isOther = open === undefined || (open.message.executes > 0 && open.message.text !== text);
  return isOther ? openRequest(state, sink, text) : open;
}

/** Until the Execute comes it is a prepare. */
function openRequest(state: PostgresqlState, sink: Sink, text: string | undefined): Pending {
  closeOpen(state, sink);
  const message = newMessage(state, "prepare", text);
  const pending: Pending = { message, isClosed: false, completed: 0, isDescribed: false };
  enqueue(state, pending);
  state.open = pending;
  sink.begin(message);
  return pending;
}

function closeOpen(state: PostgresqlState, sink: Sink): void {
  if (state.open === undefined) return;
  state.open.isClosed = true;
  sink.end(state.open.message);
  state.open = undefined;
}

function remember(map: Map<string, string>, name: string, text: string): void {
  map.delete(name);
  makeRoom(map, MAX_STATEMENTS);
  map.set(name, text);
}
