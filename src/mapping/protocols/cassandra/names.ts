/** Numbers of Cassandra's native protocol (native_protocol_v4.spec, sections 2.4, 3 and 9). */

export const Opcode = {
  error: 0,
  startup: 1,
  ready: 2,
  options: 5,
  supported: 6,
  query: 7,
  result: 8,
  prepare: 9,
  execute: 10,
  register: 11,
  event: 12,
  batch: 13,
  authResponse: 15,
} as const;

export const OPCODE_NAMES: ReadonlyMap<number, string> = new Map([
  [Opcode.startup, "STARTUP"],
  [Opcode.options, "OPTIONS"],
  [Opcode.query, "QUERY"],
  [Opcode.prepare, "PREPARE"],
  [Opcode.execute, "EXECUTE"],
  [Opcode.register, "REGISTER"],
  [Opcode.batch, "BATCH"],
  [Opcode.authResponse, "AUTH_RESPONSE"],
]);

/** In the words of the semantic conventions. */
export const CONSISTENCY_LEVELS: readonly string[] = [
  "any",
  "one",
  "two",
  "three",
  "quorum",
  "all",
  "local_quorum",
  "each_quorum",
  "serial",
  "local_serial",
  "local_one",
];

export const CASSANDRA_ERRORS: ReadonlyMap<number, string> = new Map([
  [0x0000, "SERVER_ERROR"],
  [0x000a, "PROTOCOL_ERROR"],
  [0x0100, "BAD_CREDENTIALS"],
  [0x1000, "UNAVAILABLE"],
  [0x1001, "OVERLOADED"],
  [0x1002, "IS_BOOTSTRAPPING"],
  [0x1003, "TRUNCATE_ERROR"],
  [0x1100, "WRITE_TIMEOUT"],
  [0x1200, "READ_TIMEOUT"],
  [0x1300, "READ_FAILURE"],
  [0x1400, "FUNCTION_FAILURE"],
  [0x1500, "WRITE_FAILURE"],
  [0x2000, "SYNTAX_ERROR"],
  [0x2100, "UNAUTHORIZED"],
  [0x2200, "INVALID"],
  [0x2300, "CONFIG_ERROR"],
  [0x2400, "ALREADY_EXISTS"],
  [0x2500, "UNPREPARED"],
]);
