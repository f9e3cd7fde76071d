/** What a connection keeps for each of its directions while it reads them. */
import { Direction, EventFlags } from "../../bpf/layout.gen.ts";
import type { EventMeta } from "../event-meta.ts";
import type { MessageSink, Sender } from "../protocols/protocol.ts";
import type { AnyMessage, AnyProtocol } from "../protocols/registry.ts";
import { pushSegments } from "./frame-segments.ts";
import type { DirectionStart } from "./recognition.ts";
import type { Stream } from "./stream.ts";

const EMPTY = new Uint8Array(0);

/** A skip that spares fewer bytes than this costs more than it spares. */
export const WORTHWHILE_BYTES = 65_536;

/** So many bytes are kept in search of a message boundary. */
const RESYNC_BYTES = 16_384;

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
  /** The kernel left out frames here: nothing is known to start before its next one. */
  isBetween = false;
  /** The kernel walks its frames. */
  isWalked = false;
  /** Events in a row that were captured as calls, not as frames. */
  plainEvents = 0;
  /** Of them, those in which a message ended. */
  plainEnds = 0;
  /** Messages that ended since the last event was judged. */
  ended = 0;
  /** Of its last event. */
  eventNumber = -1;
  /** The last event. */
  last: EventMeta | undefined;

  constructor(stream: Stream, direction: Direction) {
    this.stream = stream;
    this.direction = direction;
  }

  /** Its first event. Where the other side was seen from its first byte, what is missing here is lost, not before our time. */
  begin(offset: number, other: Side): void {
    this.stream.start(other.stream.isStarted && other.sawStart ? 0 : offset);
    this.isSynced = this.stream.position === 0;
    this.firstOffset = this.stream.position;
    this.sawStart = offset === 0;
  }

  take(offset: number, length: number, bytes: Uint8Array, meta: EventMeta, flags: number, eventNumber: number): void {
    const stream = this.stream;
    this.last = meta;
    if ((flags & EventFlags.frames) === 0) {
      stream.push(offset, length, bytes, meta, flags);
    } else {
      // No event in between was lost: what none has told was left out.
      const before = offset - stream.frontier;
      if (before > 0 && eventNumber === this.eventNumber + 1) {
        stream.push(stream.frontier, before, EMPTY, meta, EventFlags.frames);
      }
      pushSegments(stream, offset, length, bytes, meta, flags);
    }
    this.eventNumber = eventNumber;
  }

  /** At the start of a frame, what the kernel left out are whole frames. */
  passLeftOut(): void {
    if (this.isSynced && this.stream.passLeftOut()) this.isBetween = true;
  }

  /** What an unsynced side said before a message of the other one can't be the answer to it. */
  dropBefore(order: number): void {
    if (this.isSynced || this.isEmpty) return;
    const count = this.stream.countUntil(order);
    if (count > 0) this.stream.discard(count, "resync");
    this.isStuck ||= this.isEmpty;
  }

  /** What is known so far is of no use. */
  discardAll(reason: string): void {
    const { stream } = this;
    if (!stream.isStarted) return;
    this.isSynced = false;
    if (stream.available > 0) stream.discard(stream.available, reason);
    while (stream.obstacle !== undefined) {
      stream.skipObstacle();
      if (stream.available > 0) stream.discard(stream.available, reason);
    }
  }

  /** Something before the next bytes may still come. */
  isWaiting(nowNs: number): boolean {
    const { stream } = this;
    return stream.hasObstacle && stream.obstacle!.waitUntilNs > nowNs && !stream.tooManyPieces;
  }

  /** What is before the next bytes will not come. */
  isBlocked(nowNs: number): boolean {
    const { stream } = this;
    return stream.hasObstacle && (stream.obstacle!.waitUntilNs <= nowNs || stream.tooManyPieces);
  }

  /** Bytes of its last message have not come, fewer than the kernel would pass over untold. */
  get isCutShort(): boolean {
    // What is sent is not always told: sendfile, where only its entry is seen.
    if (this.ending === undefined || this.isWalked || this.direction === Direction.egress) return false;
    const missing = this.stream.position - this.stream.frontier;
    return missing > 0 && missing < WORTHWHILE_BYTES;
  }

  /** What is before the next bytes is of a message that was begun, and whose bytes are of no interest. */
  passesObstacle(protocol: AnyProtocol, sender: Sender, state: unknown): boolean {
    const { obstacle } = this.stream;
    if (obstacle === undefined) return false;
    const count = obstacle.end - this.stream.position;
    const isPassed =
      protocol.isOpenEnded?.(sender, state) || (!obstacle.isMissing && protocol.passUncaptured?.(count, sender, state));
    if (isPassed) this.stream.consume(count);
    return isPassed ?? false;
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

  /** Until when it waits for what is missing; infinity: it does not. */
  get deadlineNs(): number {
    return this.stream.hasObstacle ? this.stream.obstacle!.waitUntilNs : Number.POSITIVE_INFINITY;
  }

  /** What its protocol is recognised by. */
  get start(): DirectionStart {
    return { bytes: this.stream.view(), isStreamStart: this.isAtStart };
  }

  /** A message starts `index` bytes on. */
  syncAt(index: number): true {
    if (index > 0) this.stream.discard(index, "resync");
    this.isSynced = true;
    return true;
  }

  /** No message starts in what is there: before `from` none can. */
  searchOn(from: number): void {
    if (from > 0) this.stream.discard(from, "resync");
    if (this.stream.available > RESYNC_BYTES) this.stream.discard(this.stream.available - RESYNC_BYTES, "resync");
  }
}

/** The later one of their last events. */
export function lastOf(left: Side, right: Side): EventMeta | undefined {
  return (left.last?.order ?? -1) > (right.last?.order ?? -1) ? left.last : right.last;
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
