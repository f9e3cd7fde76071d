/** What is known of a PostgreSQL connection, and of the requests on it that are not answered yet. */
import { type Message, MessageRole } from "../protocol.ts";

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

export interface Pending {
  readonly message: PostgresqlMessage;
  /** The client has said all of it. */
  isClosed: boolean;
  completed: number;
  /** The last thing that it waits for is the description of a statement. */
  isDescribed: boolean;
}

export interface PostgresqlState {
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

const MAX_PENDING = 1024;

export function newMessage(state: PostgresqlState, kind: PostgresqlKind, text: string | undefined): PostgresqlMessage {
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

export function enqueue(state: PostgresqlState, pending: Pending | undefined): void {
  if (state.pending.length >= MAX_PENDING) state.pending.shift();
  state.pending.push(pending);
}
