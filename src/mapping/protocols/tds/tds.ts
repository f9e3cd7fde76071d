/**
 * TDS 7.1 to 8.0 (MS-TDS), SQL Server: packets make a message; the last one says so. Requests are answered in order;
 * an attention asks to stop. Rows are skipped; errors are read where they stand before rows, and the end of the answer
 * says how many rows there were. A login that turns TLS on for good makes the connection unreadable.
 *
 * Claims: a packet header with reserved fields as they must be, and a PRELOGIN, a login, or a batch or call that begins
 * with its headers. State: one message of each direction, below 8 KiB.
 */

import { latin1 } from "../../latin1.ts";
import type { Attribute } from "../../span.ts";
import { uint16, uint32le } from "../byte-reader.ts";
import { describeDatabase, returnedRows } from "../database-span.ts";
import { agreed } from "../framed.ts";
import {
  INVALID,
  type Message,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  Sender,
} from "../protocol.ts";
import { batchText, loginDatabase, readRpc } from "./request.ts";
import { readTokens } from "./tokens.ts";

interface TdsMessage extends Message {
  readonly kind: number;
  readonly text: string | undefined;
  readonly procedure: string | undefined;
  readonly database: string | undefined;
  errorNumber: number | undefined;
  errorText: string | undefined;
  rows: number | undefined;
}

interface TdsState {
  readonly unfinished: [TdsMessage | undefined, TdsMessage | undefined];
  /** The direction's message makes no exchange. */
  readonly isSilent: [boolean, boolean];
  database: string | undefined;
  /** Requests whose answers have not begun. */
  pending: number;
}

const HEADER_BYTES = 8;
const READ_BYTES = 4096;
const Type = {
  batch: 1,
  rpc: 3,
  response: 4,
  attention: 6,
  bulk: 7,
  transaction: 14,
  login: 16,
  sspi: 17,
  prelogin: 18,
} as const;
const TYPES: ReadonlySet<number> = new Set(Object.values(Type));
const LAST = 1;
const NAMES = new Map<number, string>([
  [Type.batch, "BATCH"],
  [Type.rpc, "RPC"],
  [Type.bulk, "BULK"],
  [Type.transaction, "TRANSACTION"],
  [Type.login, "LOGIN"],
]);

function fitsHeader(bytes: Uint8Array, at: number): boolean {
  const byte = (index: number, isValid: (value: number) => boolean): boolean => {
    const value = bytes[at + index];
    return value === undefined || isValid(value);
  };
  return (
    byte(0, (value) => TYPES.has(value)) &&
    byte(1, (value) => value <= 0x1f) &&
    byte(7, (value) => value === 0) &&
    (bytes.length < at + 4 || uint16(bytes, at + 2) >= HEADER_BYTES)
  );
}

function newMessage(role: MessageRole, kind: number): TdsMessage {
  return {
    role,
    id: undefined,
    kind,
    text: undefined,
    procedure: undefined,
    database: undefined,
    errorNumber: undefined,
    errorText: undefined,
    rows: undefined,
  };
}

function parse(bytes: Uint8Array, sender: Sender, state: TdsState, sink: MessageSink<TdsMessage>): number {
  if (!fitsHeader(bytes, 0)) return INVALID;
  if (bytes.length < HEADER_BYTES) return NEED_MORE;
  const type = bytes[0]!;
  const total = uint16(bytes, 2);
  const isLast = (bytes[1]! & LAST) !== 0;
  const isServer = sender === Sender.server;
  // TLS inside the handshake goes in packets of PRELOGIN, both ways.
  if ((type === Type.response) !== isServer && type !== Type.prelogin) return INVALID;
  const isContinued = state.unfinished[sender] !== undefined || state.isSilent[sender];
  if (!isContinued && bytes.length < Math.min(total, READ_BYTES)) return NEED_MORE;
  if (isServer && isLast && bytes.length < total) return NEED_MORE;
  if (!isContinued) begin(bytes, Math.min(total, READ_BYTES), type, sender, state);
  const message = state.unfinished[sender];
  if (message !== undefined && isServer && isLast) finishAnswer(bytes, total, message);
  if (isLast) {
    state.unfinished[sender] = undefined;
    state.isSilent[sender] = false;
  }
  if (message === undefined) return total;
  if (isLast && isContinued) sink.end(message);
  else if (isLast) sink.message(message);
  else if (!isContinued) sink.begin(message);
  return total;
}

function begin(bytes: Uint8Array, end: number, type: number, sender: Sender, state: TdsState): void {
  if (sender === Sender.server) {
    if (type !== Type.response || state.pending === 0) {
      state.isSilent[sender] = true;
      return;
    }
    state.pending--;
    const tokens = readTokens(bytes, HEADER_BYTES, end);
    if (tokens.database !== undefined) state.database = tokens.database;
    state.unfinished[sender] = {
      ...newMessage(MessageRole.response, type),
      errorNumber: tokens.errorNumber,
      errorText: tokens.errorText,
    };
    return;
  }
  if (type === Type.prelogin || type === Type.sspi || type === Type.attention) {
    state.isSilent[sender] = true;
    return;
  }
  state.pending++;
  if (type === Type.login) state.database = loginDatabase(bytes, HEADER_BYTES, end);
  const call = type === Type.rpc ? readRpc(bytes, HEADER_BYTES, end) : undefined;
  state.unfinished[sender] = {
    ...newMessage(MessageRole.request, type),
    text: type === Type.batch ? batchText(bytes, HEADER_BYTES, end) : call?.text,
    procedure: call?.procedure,
    database: state.database,
  };
}

/** The last token is a DONE: its status, and where the status says so the number of rows. */
function finishAnswer(bytes: Uint8Array, total: number, message: TdsMessage): void {
  const at = total - 13;
  if (at < HEADER_BYTES || bytes[at]! < 0xfd) return;
  const status = bytes[at + 1]! | (bytes[at + 2]! << 8);
  if ((status & 0x10) !== 0 && uint32le(bytes, at + 9) === 0) message.rows = uint32le(bytes, at + 5);
  if ((status & 2) !== 0) message.errorNumber ??= 0;
}

function classify(bytes: Uint8Array): Recognition {
  if (!fitsHeader(bytes, 0)) return Recognition.no;
  if (bytes.length < HEADER_BYTES + 12) {
    return bytes.length < 8 || uint16(bytes, 2) >= HEADER_BYTES + 5 ? Recognition.needMore : Recognition.no;
  }
  const type = bytes[0]!;
  const total = uint16(bytes, 2);
  if (type === Type.prelogin) {
    // Options: VERSION (0) first, whose offset is behind all options, and whose length is 6.
    const offset = uint16(bytes, 9);
    const isPrelogin =
      bytes[8] === 0 && bytes[11] === 0 && bytes[12] === 6 && (offset - 1) % 5 === 0 && offset + 6 <= total - 8;
    return isPrelogin && bytes[1] === LAST ? Recognition.request : Recognition.no;
  }
  if (type === Type.response) {
    // The answer to a PRELOGIN looks as it does; a login's begins with a change of the environment.
    if (bytes[8] === 0 && bytes[12] === 6 && (uint16(bytes, 9) - 1) % 5 === 0) return Recognition.response;
    return bytes[8] === 0xe3 || bytes[8] === 0xaa || bytes[8] === 0x81 || bytes[8] === 0xfd
      ? Recognition.needMore
      : Recognition.no;
  }
  if (type === Type.login) {
    const version = bytes[HEADER_BYTES + 7];
    return version !== undefined && version >= 0x70 && version <= 0x75 ? Recognition.request : Recognition.no;
  }
  if (type !== Type.batch && type !== Type.rpc) return Recognition.no;
  // ALL_HEADERS: 22 bytes, a header of 18, which is that of the transaction (2).
  const isHeaders = uint32le(bytes, 8) === 22 && uint32le(bytes, 12) === 18 && latin1(bytes, 16, 18) === "\u0002\u0000";
  return isHeaders ? Recognition.request : Recognition.no;
}

export const tds: Protocol<TdsMessage, TdsState> = {
  name: "tds",
  networkProtocolName: "tds",
  signsIn: (request) => request.kind === Type.login,
  usualPorts: [1433],
  resyncsAtCallStart: true,
  recognize: (bytes, hint) => (hint.transport === "tcp" ? agreed(classify(bytes), hint.sender) : Recognition.no),
  createState: () => ({
    unfinished: [undefined, undefined],
    isSilent: [false, false],
    database: undefined,
    pending: 0,
  }),
  parse,
  findBoundary(bytes, from, sender) {
    if (!fitsHeader(bytes, from) || bytes.length < from + HEADER_BYTES || bytes[from + 6] !== 1) return -1;
    return (bytes[from] === Type.response) === (sender === Sender.server) ? from : -1;
  },
  resync(state, sender) {
    state.unfinished[sender] = undefined;
    state.isSilent[sender] = false;
    state.pending = 0;
    if (sender === Sender.server) state.database = undefined;
  },
  describe(session) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const attributes: Attribute[] = [];
    if (request.procedure !== undefined && request.text === undefined)
      attributes.push(["db.stored_procedure.name", request.procedure]);
    attributes.push(...returnedRows(session, response?.rows));
    const code = response?.errorNumber;
    return describeDatabase(session, {
      system: "microsoft.sql_server",
      namespace: request.database,
      command:
        request.procedure === undefined ? (NAMES.get(request.kind) ?? "REQUEST") : `EXECUTE ${request.procedure}`,
      text: request.text,
      attributes,
      errorCode: code === undefined || code === 0 ? undefined : String(code),
      errorType: code === 0 ? "error" : undefined,
      statusMessage: response?.errorText,
    });
  },
};
