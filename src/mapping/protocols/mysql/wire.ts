/** Numbers of the MySQL client/server protocol (dev.mysql.com, MySQL Internals; mariadb.com/kb/en/clientserver-protocol). */
import { uint16le, uint24le } from "../byte-reader.ts";

export const Command = {
  quit: 0x01,
  initDb: 0x02,
  query: 0x03,
  fieldList: 0x04,
  createDb: 0x05,
  dropDb: 0x06,
  refresh: 0x07,
  shutdown: 0x08,
  statistics: 0x09,
  processInfo: 0x0a,
  processKill: 0x0c,
  debug: 0x0d,
  ping: 0x0e,
  changeUser: 0x11,
  binlogDump: 0x12,
  registerSlave: 0x15,
  statementPrepare: 0x16,
  statementExecute: 0x17,
  statementSendLongData: 0x18,
  statementClose: 0x19,
  statementReset: 0x1a,
  setOption: 0x1b,
  statementFetch: 0x1c,
  binlogDumpGtid: 0x1e,
  resetConnection: 0x1f,
  clone: 0x20,
  statementBulkExecute: 0xfa,
  /** Not on the wire: the handshake response. */
  login: 0x100,
} as const;

/** What a span of the command is called where there is no SQL. */
export const COMMAND_NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [Command.quit, "QUIT"],
  [Command.initDb, "USE"],
  [Command.query, "QUERY"],
  [Command.fieldList, "FIELD_LIST"],
  [Command.createDb, "CREATE DATABASE"],
  [Command.dropDb, "DROP DATABASE"],
  [Command.refresh, "REFRESH"],
  [Command.shutdown, "SHUTDOWN"],
  [Command.statistics, "STATISTICS"],
  [Command.processInfo, "PROCESS_INFO"],
  [Command.processKill, "PROCESS_KILL"],
  [Command.debug, "DEBUG"],
  [Command.ping, "PING"],
  [Command.changeUser, "CHANGE_USER"],
  [Command.binlogDump, "BINLOG_DUMP"],
  [Command.registerSlave, "REGISTER_SLAVE"],
  [Command.statementPrepare, "PREPARE"],
  [Command.statementExecute, "EXECUTE"],
  [Command.statementSendLongData, "SEND_LONG_DATA"],
  [Command.statementClose, "CLOSE"],
  [Command.statementReset, "RESET"],
  [Command.setOption, "SET_OPTION"],
  [Command.statementFetch, "FETCH"],
  [Command.binlogDumpGtid, "BINLOG_DUMP_GTID"],
  [Command.resetConnection, "RESET_CONNECTION"],
  [Command.clone, "CLONE"],
  [Command.statementBulkExecute, "BULK_EXECUTE"],
  [Command.login, "LOGIN"],
]);

/** Commands that no packet answers. */
export const UNANSWERED: ReadonlySet<number> = new Set<number>([
  Command.quit,
  Command.statementClose,
  Command.statementSendLongData,
]);

export const Capability = {
  connectWithDb: 0x8,
  compress: 0x20,
  protocol41: 0x200,
  ssl: 0x800,
  secureConnection: 0x8000,
  pluginAuthLenencClientData: 0x200000,
  deprecateEof: 0x1000000,
  zstdCompression: 0x4000000,
  queryAttributes: 0x8000000,
} as const;

export const HEADER_BYTES = 4;
/** So much of a command is read. */
export const MAX_TEXT = 4096;
/** A payload of this length goes on in the next packet. */
export const MAX_PACKET = 0xffffff;
/** SERVER_STATUS_* */
export const MORE_RESULTS = 0x0008;
export const CURSOR_EXISTS = 0x0040;

/** A length-encoded integer; -1: NULL, a marker, or not in view. */
export function lenencAt(bytes: Uint8Array, at: number): { value: number; next: number } {
  const first = bytes[at];
  if (first === undefined || first === 0xfb || first === 0xff) return { value: -1, next: at + 1 };
  if (first < 0xfb) return { value: first, next: at + 1 };
  if (first === 0xfc)
    return at + 3 > bytes.length ? { value: -1, next: at } : { value: uint16le(bytes, at + 1), next: at + 3 };
  if (first === 0xfd)
    return at + 4 > bytes.length ? { value: -1, next: at } : { value: uint24le(bytes, at + 1), next: at + 4 };
  return { value: -1, next: at + 9 };
}
