/** What a connection of ClickHouse remembers, and what its messages are. */

import type { Message, MessageRole } from "../protocol.ts";
import type { BlockWalker } from "./block.ts";

export interface ClickhouseMessage extends Message {
  readonly command: "LOGIN" | "QUERY" | "PING";
  readonly text: string | undefined;
  readonly database: string | undefined;
  readonly traceparent: string | undefined;
  /** Of the answer's data. */
  rows: number | undefined;
  errorCode: number | undefined;
  errorText: string | undefined;
}

export interface Direction {
  block: BlockWalker | undefined;
  /** Rows of the block are the answer's. */
  isData: boolean;
  isInFrames: boolean;
  /** The end of what is sent is not known. */
  isLost: boolean;
}

export interface ClickhouseState {
  revision: number;
  clientRevision: number;
  database: string | undefined;
  isCompressed: boolean;
  /** What waits for its answer. */
  pending: ClickhouseMessage | undefined;
  response: ClickhouseMessage | undefined;
  /** Of the answer so far: they are told at its end, when all of it was read. */
  rows: number | undefined;
  /** The client's words behind its hello. */
  isAddendumDue: boolean;
  readonly directions: readonly [Direction, Direction];
}

export function newDirection(): Direction {
  return { block: undefined, isData: false, isInFrames: false, isLost: false };
}

export function newMessage(
  state: ClickhouseState,
  role: MessageRole,
  command: ClickhouseMessage["command"],
  text?: string,
  traceparent?: string,
): ClickhouseMessage {
  return {
    role,
    id: undefined,
    command,
    text,
    database: state.database,
    traceparent,
    rows: undefined,
    errorCode: undefined,
    errorText: undefined,
  };
}
