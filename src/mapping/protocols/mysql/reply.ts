/** Where the answer to one MySQL command ends: its packets are walked by their headers, rows are not read. */
import { latin1 } from "../../latin1.ts";
import { uint16le, uint24le, uint32le } from "../byte-reader.ts";
import { INVALID, MessageRole, NEED_MORE } from "../protocol.ts";
import type { MysqlMessage, MysqlState } from "./state.ts";
import { Command, CURSOR_EXISTS, HEADER_BYTES, lenencAt, MAX_PACKET, MORE_RESULTS } from "./wire.ts";

type Step = "first" | "columns" | "columns_end" | "rows" | "definitions" | "definitions_end" | "infile";

export interface MysqlResponse {
  readonly message: MysqlMessage;
  readonly command: number;
  step: Step;
  /** Column or parameter definitions to come, in groups that may each end with an EOF packet. */
  groups: number[];
  statementId: number;
  isBegun: boolean;
  isDone: boolean;
  /** The packet before had MAX_PACKET bytes. */
  isContinued: boolean;
}

const ERROR_PREFIX_BYTES = 16;
/** In place of an error's number (mariadb.com/kb/en/progress-reporting). */
const PROGRESS_REPORT = 0xffff;

export function startReply(command: number, base: MysqlMessage): MysqlResponse {
  const hasRows =
    command === Command.statementFetch || command === Command.binlogDump || command === Command.binlogDumpGtid;
  const isList = command === Command.fieldList;
  return {
    message: { ...base, role: MessageRole.response },
    command,
    step: hasRows || isList ? "rows" : "first",
    groups: [],
    statementId: 0,
    isBegun: false,
    isDone: false,
    isContinued: false,
  };
}

/** Consumes packets up to the end of the answer or of the view. */
export function parseReply(bytes: Uint8Array, reply: MysqlResponse, state: MysqlState): number {
  let at = 0;
  while (!reply.isDone && at + HEADER_BYTES <= bytes.length) {
    const length = uint24le(bytes, at);
    const body = at + HEADER_BYTES;
    const end = body + length;
    if (reply.isContinued) {
      reply.isContinued = length === MAX_PACKET;
      at = end;
      continue;
    }
    const available = Math.min(end, bytes.length);
    const needed = length === 0 ? 0 : neededBytes(bytes, body, length, reply.step);
    if (body + needed > bytes.length) break;
    if (!packet(bytes, body, length, available, reply, state)) return INVALID;
    reply.isContinued = length === MAX_PACKET && !reply.isDone;
    at = end;
  }
  return at === 0 ? NEED_MORE : at;
}

/** How much of a packet must be in view to say what it is. */
function neededBytes(bytes: Uint8Array, body: number, length: number, step: Step): number {
  if (step === "columns" || step === "definitions") return 0;
  const first = bytes[body];
  if (first === undefined) return 1;
  if ((step === "rows" || step === "columns_end") && first !== 0xfe && first !== 0xff) return 1;
  return Math.min(length, first === 0xff ? ERROR_PREFIX_BYTES : 32);
}

function packet(
  bytes: Uint8Array,
  body: number,
  length: number,
  end: number,
  reply: MysqlResponse,
  state: MysqlState,
): boolean {
  const first = length === 0 ? -1 : bytes[body]!;
  const isEof = first === 0xfe && length < 9;
  const isEofOk = first === 0xfe && length < MAX_PACKET;
  if (first === 0xff && reply.step !== "columns" && reply.step !== "definitions") {
    // MariaDB tells clients that ask for it how far a long statement is: the answer is still to come.
    if (length >= 3 && uint16le(bytes, body + 1) === PROGRESS_REPORT) return true;
    readError(bytes, body, length, reply.message);
    reply.isDone = true;
    return true;
  }
  switch (reply.step) {
    case "first":
      return firstPacket(bytes, body, length, end, reply, state);
    case "infile":
      if (first === 0) finishOk(bytes, body, end, reply);
      return first === 0;
    case "columns":
      if (--reply.groups[0]! <= 0) reply.step = "columns_end";
      return true;
    case "columns_end":
      reply.step = "rows";
      // An EOF packet has 5 bytes and closes the columns for clients without CLIENT_DEPRECATE_EOF; the OK packet that
      // stands for it at the end of rows has 7 and more.
      state.deprecatesEof ??= !(isEof && length === 5);
      if (isEof && length === 5) {
        // Rows of a cursor come with COM_STMT_FETCH.
        if ((uint16le(bytes, body + 3) & CURSOR_EXISTS) !== 0) reply.isDone = true;
        return true;
      }
      return packet(bytes, body, length, end, reply, state);
    case "rows":
      if (isEofOk) {
        const status = length === 5 ? uint16le(bytes, body + 3) : okStatus(bytes, body, end);
        finishResult(reply, status);
      } else if (reply.command !== Command.fieldList) {
        reply.message.rows = (reply.message.rows ?? 0) + 1;
      }
      return true;
    case "definitions":
      if (--reply.groups[0]! <= 0) {
        reply.groups.shift();
        if (state.deprecatesEof !== true) reply.step = "definitions_end";
        else if (reply.groups.length === 0) reply.isDone = true;
      }
      return true;
    case "definitions_end":
      if (!isEof) return false;
      if (reply.groups.length === 0) reply.isDone = true;
      else reply.step = "definitions";
      return true;
  }
}

function firstPacket(
  bytes: Uint8Array,
  body: number,
  length: number,
  end: number,
  reply: MysqlResponse,
  state: MysqlState,
): boolean {
  const first = length === 0 ? -1 : bytes[body]!;
  if (first < 0) return false;
  const { command } = reply;
  if (command === Command.login || command === Command.changeUser) {
    // 0xfe asks for another method, 0x01 has more of the same: the client answers, the reply goes on.
    if (first === 0) reply.isDone = true;
    return first === 0 || first === 0xfe || first === 1;
  }
  if (command === Command.statistics || command === Command.processInfo) {
    reply.isDone = true;
    return true;
  }
  if (command === Command.statementPrepare && first === 0) {
    if (length < 12 || body + 12 > end) return false;
    reply.statementId = uint32le(bytes, body + 1);
    const columns = uint16le(bytes, body + 5);
    const parameters = uint16le(bytes, body + 7);
    reply.groups = [parameters, columns].filter((count) => count > 0);
    reply.step = "definitions";
    if (reply.groups.length === 0) reply.isDone = true;
    return true;
  }
  if (first === 0) {
    finishOk(bytes, body, end, reply);
    return true;
  }
  if (first === 0xfe && length < 9) {
    reply.isDone = true;
    return true;
  }
  if (first === 0xfb) {
    reply.step = "infile";
    state.isInfile = true;
    return true;
  }
  const columns = lenencAt(bytes, body).value;
  // MariaDB may add a byte that says whether column metadata follows.
  if (columns <= 0 || columns > 4096 || length > 10) return false;
  reply.groups = [columns];
  reply.message.rows ??= 0;
  reply.step = "columns";
  return true;
}

function finishOk(bytes: Uint8Array, body: number, end: number, reply: MysqlResponse): void {
  finishResult(reply, okStatus(bytes, body, end));
}

/** header, affected rows, last insert id, status */
function okStatus(bytes: Uint8Array, body: number, end: number): number {
  const affected = lenencAt(bytes, body + 1);
  const inserted = lenencAt(bytes, affected.next);
  return inserted.next + 2 <= end ? uint16le(bytes, inserted.next) : 0;
}

function finishResult(reply: MysqlResponse, status: number): void {
  if ((status & MORE_RESULTS) !== 0) reply.step = "first";
  else reply.isDone = true;
}

function readError(bytes: Uint8Array, body: number, length: number, message: MysqlMessage): void {
  if (length < 3) return;
  message.errorCode = uint16le(bytes, body + 1);
  if (length >= 9 && bytes[body + 3] === 0x23) message.sqlState = latin1(bytes, body + 4, body + 9);
}
