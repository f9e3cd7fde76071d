/** What an AMQP 0-9-1 connection remembers, and what a message of it is. */
import type { Message, Sender } from "../protocol.ts";
import type { Deliveries } from "./deliveries.ts";

export const FRAME_HEADER_BYTES = 7;
export const MAX_CHANNELS = 2048;

export interface Amqp091Message extends Message {
  readonly method: number;
  readonly sender: Sender;
  readonly channel: number;
  exchange: string | undefined;
  routingKey: string | undefined;
  queue: string | undefined;
  readonly virtualHost: string | undefined;
  bodySize: number | undefined;
  headers: Map<string, string> | undefined;
  messageId: string | undefined;
  correlationId: string | undefined;
  replyCode: number | undefined;
  deliveryTag: number | undefined;
}

export interface Content {
  readonly message: Amqp091Message;
  /** undefined: the header is still to come. */
  remaining: number | undefined;
}

export interface Amqp091State {
  virtualHost: string | undefined;
  /** By channel: the request that waits, its answers. */
  readonly pending: Map<number, { readonly id: string; readonly answers: readonly number[] }>;
  readonly contents: readonly [Map<number, Content>, Map<number, Content>];
  readonly deliveries: Deliveries;
  count: number;
}
