/** What HTTP/1 keeps of a connection, and what it makes of a message. */
import type { HttpRpc } from "../http/rpc.ts";
import type { MessageRole } from "../protocol.ts";
import type { HeaderFields } from "./fields.ts";

export interface Http1Message {
  readonly role: MessageRole;
  readonly id: undefined;
  readonly endsAtClose: boolean;
  /** Requests. */
  readonly method: string;
  readonly target: string;
  /** Responses. */
  readonly statusCode: number;
  readonly version: string;
  readonly fields: HeaderFields;
  /** Where its length says so. */
  readonly bodySize: number | undefined;
  /** The call that its body carries. */
  rpc?: HttpRpc | undefined;
}

/** `cutHead`: the rest of a head whose message was begun without it. */
export const Phase = { head: 0, chunk: 1, trailers: 2, untilClose: 3, cutHead: 4, body: 5 } as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

export interface DirectionState {
  phase: Phase;
  /** The message whose body is being read. */
  message: Http1Message | undefined;
  /** So many bytes at the start of an unfinished head have no end of it: they need no second look. */
  scanned: number;
  /** Where RecentFields keeps those of the head before. */
  slot: number;
}

export interface Http1State {
  readonly client: DirectionState;
  readonly server: DirectionState;
  /** Of the requests whose answers have not begun: HEAD and CONNECT decide how the answer is framed. */
  readonly methods: string[];
  readonly readsBodies: boolean;
}

export const MAX_HEAD = 65_536;
export const LF = 10;
export const CR = 13;
