/** What an AMQP 1.0 connection remembers: sessions and links of both ends, deliveries that are not settled. */
import type { Sender } from "../protocol.ts";

interface Amqp10Link {
  readonly name: string;
  /** Where its messages go to or come from. */
  address: string | undefined;
}

export interface Amqp10State<M> {
  /** What the broker says of itself, as messaging.system. */
  system: string | undefined;
  /** By the sender: its channel to the session's name (who began it, and on which channel). */
  readonly sessions: readonly [Map<number, string>, Map<number, string>];
  /** Session and handle of the sender, to the link. */
  readonly links: readonly [Map<string, Amqp10Link>, Map<string, Amqp10Link>];
  /** By the sender of the delivery: session and delivery id. */
  readonly unsettled: readonly [Set<string>, Set<string>];
  /** Transfers of several frames, by session and handle. */
  readonly unfinished: readonly [Map<string, M>, Map<string, M>];
  /** A disposition settles several deliveries: each is an answer of its own, read from a part of the frame. */
  readonly settling: [Settling | undefined, Settling | undefined];
}

interface Settling {
  readonly ids: string[];
  readonly outcome: number | undefined;
  readonly error: string | undefined;
  /** Of the frame. */
  left: number;
}

export const MAX_CHANNELS = 256;
export const MAX_LINKS = 1024;
export const MAX_UNSETTLED = 4096;

export function createAmqp10State<M>(): Amqp10State<M> {
  return {
    system: undefined,
    sessions: [new Map(), new Map()],
    links: [new Map(), new Map()],
    unsettled: [new Set(), new Set()],
    unfinished: [new Map(), new Map()],
    settling: [undefined, undefined],
  };
}

/** The session that the sender means by its channel. */
export function sessionOf(state: Amqp10State<unknown>, sender: Sender, channel: number): string {
  return state.sessions[sender].get(channel) ?? `0.${channel}`;
}

/** A new entry in a set of bounded size: the oldest goes. */
export function boundedAdd<K>(set: Set<K>, key: K, limit: number): void {
  if (set.size >= limit) set.delete(set.values().next().value!);
  set.add(key);
}
