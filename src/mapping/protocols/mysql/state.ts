/** What a connection of MySQL remembers, and what its messages are. */

import { type Message, MessageRole } from "../protocol.ts";
import type { CompressedStream } from "./compression.ts";
import type { MysqlResponse } from "./reply.ts";
import { UNANSWERED } from "./wire.ts";

export interface MysqlMessage extends Message {
  /** Command of a request. */
  readonly command: number;
  readonly text: string | undefined;
  /** Sent with the statement, beside its text; names in lower case. */
  attributes: ReadonlyMap<string, string> | undefined;
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** undefined: the greeting was not seen. */
  readonly isMariaDb: boolean | undefined;
  /** Responses. */
  errorCode: number | undefined;
  sqlState: string | undefined;
  rows: number | undefined;
}

export interface MysqlState {
  /** undefined: the handshake was not seen. */
  capabilities: number | undefined;
  /** Known from the handshake, else learnt from the first result set. */
  deprecatesEof: boolean | undefined;
  isGreeted: boolean;
  isMariaDb: boolean | undefined;
  database: string | undefined;
  /** Commands that are not answered yet, in order. */
  pending: MysqlMessage[];
  reply: MysqlResponse | undefined;
  readonly statements: Map<number, string>;
  lastStatement: number;
  /** The client's last packet had MAX_PACKET bytes. */
  isClientContinued: boolean;
  clientMessage: MysqlMessage | undefined;
  /** The server asked for a file: the client sends it until an empty packet. */
  isInfile: boolean;
  isLoggingIn: boolean;
  compressed: readonly [CompressedStream, CompressedStream] | undefined;
}

export function createState(): MysqlState {
  return {
    capabilities: undefined,
    deprecatesEof: undefined,
    isGreeted: false,
    isMariaDb: undefined,
    database: undefined,
    pending: [],
    reply: undefined,
    statements: new Map(),
    lastStatement: -1,
    isClientContinued: false,
    clientMessage: undefined,
    isInfile: false,
    isLoggingIn: false,
    compressed: undefined,
  };
}

export function request(state: MysqlState, command: number, text: string | undefined, user?: string): MysqlMessage {
  return {
    role: UNANSWERED.has(command) ? MessageRole.oneWay : MessageRole.request,
    id: undefined,
    command,
    text,
    attributes: undefined,
    user,
    database: state.database,
    isMariaDb: state.isMariaDb,
    errorCode: undefined,
    sqlState: undefined,
    rows: undefined,
  };
}
