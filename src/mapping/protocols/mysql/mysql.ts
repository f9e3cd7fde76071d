/**
 * MySQL and MariaDB: text and prepared statements, several statements and result sets, query attributes, LOCAL INFILE, compression.
 *
 * Claims: a greeting, a login, an error packet, a result set's head, a command with SQL text or an execute with its
 * iteration count; single bytes of commands (PING) only wait. Bound of the state: MAX_STATEMENTS texts of MAX_TEXT
 * characters (1 MB at most, if 256 statements are that long), MAX_PENDING commands, MAX_INFLATED bytes of
 * uncompressed packets for each direction.
 */
import { makeRoom } from "../../../make-room.ts";
import { utf8 } from "../../latin1.ts";
import { uint16le, uint24le, uint32le } from "../byte-reader.ts";
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
import { queryAttributes } from "./attributes.ts";
import { CompressedStream } from "./compression.ts";
import { MYSQL_FRAMING } from "./framing.ts";
import { isCompressedCommand, recognizeMysql } from "./recognition.ts";
import { type MysqlResponse, parseReply, startReply } from "./reply.ts";
import { describeMysql } from "./span.ts";
import { createState, type MysqlMessage, type MysqlState, request } from "./state.ts";
import { Capability, COMMAND_NAMES, Command, HEADER_BYTES, lenencAt, MAX_PACKET, MAX_TEXT } from "./wire.ts";

const MAX_STATEMENTS = 256;
const MAX_PENDING = 64;

function parseClient(bytes: Uint8Array, state: MysqlState, sink: MessageSink<MysqlMessage>): number {
  if (bytes.length < HEADER_BYTES) return NEED_MORE;
  const length = uint24le(bytes, 0);
  const sequence = bytes[3]!;
  const total = HEADER_BYTES + length;
  if (state.isClientContinued) {
    state.isClientContinued = length === MAX_PACKET;
    if (!state.isClientContinued && state.clientMessage !== undefined) {
      sink.end(state.clientMessage);
      state.clientMessage = undefined;
    }
    return total;
  }
  if (state.isInfile) {
    if (length === 0) state.isInfile = false;
    return total;
  }
  if (state.isLoggingIn && sequence !== 0) return total;
  if (state.isGreeted || (sequence === 1 && state.pending.length === 0 && length >= 32)) {
    return parseLogin(bytes, length, state, sink);
  }
  if (sequence !== 0 || length === 0) return INVALID;
  if (bytes.length < Math.min(total, HEADER_BYTES + MAX_TEXT)) return NEED_MORE;
  const command = bytes[HEADER_BYTES]!;
  if (!COMMAND_NAMES.has(command)) return INVALID;
  const end = Math.min(total, HEADER_BYTES + MAX_TEXT);
  const attributes = command === Command.query ? queryAttributes(bytes, end, state.capabilities) : undefined;
  const text = commandText(bytes, command, attributes?.textStart ?? HEADER_BYTES + 1, end, state);
  const message = request(state, command, text);
  message.attributes = attributes?.values;
  if (message.role === MessageRole.request) push(state, message);
  if (command === Command.initDb) state.database = message.text;
  else if (command === Command.query && message.text !== undefined) {
    state.database = /^\s*use\s+`?([^`;\s]{1,64})`?\s*;?\s*$/i.exec(message.text)?.[1] ?? state.database;
  } else if (command === Command.statementClose && total <= bytes.length && length >= 5) {
    state.statements.delete(uint32le(bytes, 5));
  } else if (command === Command.changeUser) state.isLoggingIn = true;
  if (length === MAX_PACKET) {
    state.isClientContinued = true;
    state.clientMessage = message;
    sink.begin(message);
  } else sink.message(message);
  return total;
}

function push(state: MysqlState, message: MysqlMessage): void {
  if (state.pending.length >= MAX_PENDING) state.pending.shift();
  state.pending.push(message);
}

function commandText(
  bytes: Uint8Array,
  command: number,
  from: number,
  end: number,
  state: MysqlState,
): string | undefined {
  switch (command) {
    case Command.query:
    case Command.statementPrepare:
    case Command.initDb:
    case Command.createDb:
    case Command.dropDb:
      return utf8(bytes, from, Math.min(end, from + MAX_TEXT));
    case Command.statementExecute:
    case Command.statementBulkExecute:
    case Command.statementFetch:
    case Command.statementReset: {
      if (from + 4 > end) return undefined;
      const id = uint32le(bytes, from);
      // MariaDB: the statement that was prepared last.
      return state.statements.get(id === 0xffffffff ? state.lastStatement : id);
    }
    default:
      return undefined;
  }
}

function parseLogin(bytes: Uint8Array, length: number, state: MysqlState, sink: MessageSink<MysqlMessage>): number {
  const total = HEADER_BYTES + length;
  if (bytes.length < Math.min(total, HEADER_BYTES + 1024)) return NEED_MORE;
  if (length < 4) return INVALID;
  state.isGreeted = false;
  let capabilities = uint16le(bytes, 4);
  let at = HEADER_BYTES + 5;
  if ((capabilities & Capability.protocol41) !== 0) {
    capabilities = uint32le(bytes, 4);
    if ((capabilities & Capability.ssl) !== 0 && length === 32) {
      sink.upgrade("tls");
      return total;
    }
    at = HEADER_BYTES + 32;
  }
  const end = Math.min(total, bytes.length);
  if (at > end) return INVALID;
  const userEnd = bytes.indexOf(0, at);
  if (userEnd < 0 || userEnd >= end) return INVALID;
  const user = utf8(bytes, at, Math.min(userEnd, at + 128));
  at = userEnd + 1;
  if ((capabilities & Capability.pluginAuthLenencClientData) !== 0) {
    const secret = lenencAt(bytes, at);
    at = secret.next + Math.max(0, secret.value);
  } else if ((capabilities & Capability.secureConnection) !== 0) at += 1 + (bytes[at] ?? 0);
  else at = (bytes.indexOf(0, at) + 1 || end) as number;
  if ((capabilities & Capability.connectWithDb) !== 0 && at < end) {
    const databaseEnd = bytes.indexOf(0, at);
    state.database = utf8(bytes, at, Math.min(databaseEnd < 0 ? end : databaseEnd, end, at + 128)) || undefined;
  }
  state.capabilities = capabilities >>> 0;
  state.deprecatesEof = (capabilities & Capability.deprecateEof) !== 0;
  state.isLoggingIn = true;
  const message = request(state, Command.login, undefined, user);
  state.pending = [message];
  sink.message(message);
  return total;
}

function parseGreeting(bytes: Uint8Array, length: number, state: MysqlState): number {
  const total = HEADER_BYTES + length;
  if (bytes.length < total) return length > 1024 ? INVALID : NEED_MORE;
  const end = bytes.indexOf(0, HEADER_BYTES + 1);
  if (bytes[HEADER_BYTES] !== 10 || end < 0 || end >= total) return bytes[HEADER_BYTES] === 0xff ? total : INVALID;
  const isMariaDb = /MariaDB/i.test(utf8(bytes, HEADER_BYTES + 1, end));
  Object.assign(state, createState(), { isGreeted: true, isMariaDb });
  return total;
}

function parseServer(bytes: Uint8Array, state: MysqlState, sink: MessageSink<MysqlMessage>): number {
  if (bytes.length < HEADER_BYTES) return NEED_MORE;
  if (state.reply === undefined) {
    const length = uint24le(bytes, 0);
    if (bytes.length < HEADER_BYTES + Math.min(1, length)) return NEED_MORE;
    if (bytes[3] === 0 && (bytes[HEADER_BYTES] === 10 || bytes[HEADER_BYTES] === 0xff) && state.pending.length === 0) {
      return parseGreeting(bytes, length, state);
    }
    const pending = state.pending[0];
    if (pending === undefined) return length > 0 && bytes[3] !== 0 ? HEADER_BYTES + length : INVALID;
    // The answer to a command counts on from it (a login and a file's end are later in the count).
    if (bytes[3] === 0) return INVALID;
    // This one answers a command: the answer to the login was not seen.
    if (pending.command === Command.login && bytes[3] === 1) return INVALID;
    state.reply = startReply(pending.command, request(state, pending.command, undefined));
  }
  const reply = state.reply;
  const wasBegun = reply.isBegun;
  const count = parseReply(bytes, reply, state);
  if (count <= 0) return count;
  if (reply.isDone) {
    state.reply = undefined;
    const asked = state.pending.shift();
    finishReply(reply, asked, state);
    if (wasBegun) sink.end(reply.message);
    else sink.message(reply.message);
  } else if (!wasBegun) {
    reply.isBegun = true;
    sink.begin(reply.message);
  }
  return count;
}

/** OK, more of the method, another method, an error. */
function isLoginAnswer(sequence: number, first: number): boolean {
  return sequence > 1 && sequence < 16 && (first === 0 || first === 1 || first === 0xfe || first === 0xff);
}

function finishReply(reply: MysqlResponse, asked: MysqlMessage | undefined, state: MysqlState): void {
  if (asked === undefined) return;
  const isError = reply.message.errorCode !== undefined;
  if (asked.command === Command.login || asked.command === Command.changeUser) {
    state.isLoggingIn = false;
    const capabilities = state.capabilities ?? 0;
    if (!isError && asked.command === Command.login) {
      if ((capabilities & (Capability.compress | Capability.zstdCompression)) !== 0) {
        state.compressed = [new CompressedStream(), new CompressedStream()];
      }
    }
  } else if (asked.command === Command.statementPrepare && !isError && asked.text !== undefined) {
    makeRoom(state.statements, MAX_STATEMENTS);
    state.statements.set(reply.statementId, asked.text);
    state.lastStatement = reply.statementId;
  }
}

function parsePlain(bytes: Uint8Array, sender: Sender, state: MysqlState, sink: MessageSink<MysqlMessage>): number {
  return sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink);
}

function parseCompressed(
  bytes: Uint8Array,
  sender: Sender,
  state: MysqlState,
  sink: MessageSink<MysqlMessage>,
): number {
  const stream = state.compressed![sender]!;
  const count = stream.push(bytes);
  if (count <= 0) return count;
  let started = 0;
  let ended = 0;
  // One message may start in a call; what lies behind it in the same packet waits for the next one.
  const counting: MessageSink<MysqlMessage> = {
    message: (message) => {
      started++;
      ended++;
      sink.message(message);
    },
    begin: (message) => {
      started++;
      sink.begin(message);
    },
    end: (message) => {
      ended++;
      sink.end(message);
    },
    upgrade: (protocol) => sink.upgrade(protocol),
  };
  while (stream.view.length > 0 && ended === 0 && started <= 1) {
    const consumed = parsePlain(stream.view, sender, state, counting);
    if (consumed === NEED_MORE) break;
    if (consumed < 0) return INVALID;
    stream.consume(consumed);
  }
  return count;
}

export const mysql: Protocol<MysqlMessage, MysqlState> = {
  name: "mysql",
  networkProtocolName: "mysql",
  signsIn: (request) => request.command === Command.login,
  usualPorts: [3306, 33060, 4000],
  resyncsAtCallStart: true,
  framing: MYSQL_FRAMING,
  isFramed: (state) => !state.isGreeted && !state.isLoggingIn && state.compressed === undefined,

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    return hint.transport === "tcp" ? recognizeMysql(bytes, hint.sender) : Recognition.no;
  },

  createState,

  parse(bytes, sender, state, sink): number {
    // Picked up in the middle: the handshake that agreed on compression was not seen.
    if (state.capabilities === undefined && state.compressed === undefined && sender === Sender.client) {
      if (state.pending.length === 0 && !state.isGreeted && isCompressedCommand(bytes)) {
        state.compressed = [new CompressedStream(), new CompressedStream()];
      }
    }
    return state.compressed === undefined
      ? parsePlain(bytes, sender, state, sink)
      : parseCompressed(bytes, sender, state, sink);
  },

  findBoundary(bytes, from, sender, state): number {
    if (bytes.length < from + HEADER_BYTES + 1) return -1;
    if (state.compressed !== undefined) return state.compressed[sender]!.isBoundary(bytes, from) ? from : -1;
    for (let at = from; at + HEADER_BYTES < bytes.length; at++) {
      const length = uint24le(bytes, at);
      const sequence = bytes[at + 3]!;
      if (sender === Sender.server) {
        const isLogin = state.pending[0]?.command === Command.login;
        const isAnswer = isLogin ? isLoginAnswer(sequence, bytes[at + HEADER_BYTES]!) : sequence === 1;
        if (isAnswer && state.pending.length > 0 && length > 0) return at;
      } else if (recognizeMysql(bytes.subarray(at), sender) !== Recognition.no) return at;
    }
    return -1;
  },

  resync(state, sender): void {
    state.pending = [];
    state.reply = undefined;
    state.isInfile = false;
    state.isGreeted = false;
    state.isLoggingIn = false;
    state.compressed?.[sender]?.clear();
    if (sender === Sender.client) {
      state.isClientContinued = false;
      state.clientMessage = undefined;
      state.database = undefined;
    }
  },

  carried(message: MysqlMessage, key: string): string | undefined {
    if (message.command !== Command.query || message.text === undefined) return undefined;
    return message.attributes?.get(key) ?? sqlComment(message.text, key);
  },

  describe: describeMysql,
};
