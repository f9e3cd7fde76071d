/** What a connection keeps for each of its directions while it reads them. */
import type { Direction } from "../bpf/layout.gen.ts";
import type { EventMeta } from "./event-meta.ts";
import type { MessageSink } from "./protocols/protocol.ts";
import type { AnyMessage } from "./protocols/registry.ts";
import type { Stream } from "./stream.ts";

export class Side {
  readonly stream: Stream;
  readonly direction: Direction;
  /** The position is a message boundary of the protocol (or the very start). */
  isSynced = true;
  /** A whole message whose last byte has not come yet. */
  ending: AnyMessage | undefined;
  /** Its first event had its first byte. */
  sawStart = false;
  /** Where the protocol that is spoken now begins. */
  startOffset = 0;
  /** The first offset that was ever seen. */
  firstOffset = 0;
  /** Its next message is not there yet. */
  isStuck = false;
  /** Bytes before the ones that came are missing. */
  hasMissing = false;
  /** The first event. */
  first: { readonly meta: EventMeta; readonly offset: number } | undefined;
  /** The last event. */
  last: EventMeta | undefined;

  constructor(stream: Stream, direction: Direction) {
    this.stream = stream;
    this.direction = direction;
  }

  /** When what it has next came, in the order of all events: its head, or what is behind it if the head is no message. */
  get order(): number {
    const stream = this.stream;
    if (!this.isStuck) return stream.metaAt(stream.position)!.order;
    return stream.hasObstacle ? stream.obstacle!.order : Number.POSITIVE_INFINITY;
  }

  /** There is nothing to read, though there may be an obstacle. */
  get isEmpty(): boolean {
    return this.stream.available === 0;
  }

  get isAtStart(): boolean {
    return this.stream.position === this.startOffset;
  }
}

/** Remembers what one call of `parse` said. */
export class Sink implements MessageSink<AnyMessage> {
  whole: AnyMessage | undefined;
  begun: AnyMessage | undefined;
  ended: AnyMessage | undefined;
  upgradeTo: string | undefined;

  reset(): void {
    this.whole = undefined;
    this.begun = undefined;
    this.ended = undefined;
    this.upgradeTo = undefined;
  }

  message(message: AnyMessage): void {
    this.whole = message;
  }

  begin(message: AnyMessage): void {
    this.begun = message;
  }

  end(message: AnyMessage): void {
    this.ended = message;
  }

  upgrade(protocol: string): void {
    this.upgradeTo = protocol;
  }
}
