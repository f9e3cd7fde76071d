/**
 * One captured TCP connection: puts both directions in the order in which the ends saw them.
 *
 * A segment is delivered when everything before it was delivered and everything that its sender had acknowledged was.
 * A hole is given up when the other end acknowledged it (the capture missed it, no retransmission will come) and
 * PATIENCE_NS have passed, or when MAXIMUM_WAITING_BYTES or MAXIMUM_WAITING_SEGMENTS wait behind it: that bounds the state.
 */
import { type Segment, TcpDirection, trimStart } from "./tcp-direction.ts";

/** How late a packet may be in the file: captures of several queues are not in order. */
const PATIENCE_NS = 100e6;
const MAXIMUM_WAITING_BYTES = 4 * 1024 * 1024;
const MAXIMUM_WAITING_SEGMENTS = 4096;

/** A stream that began before the capture: any value but 0, so that nobody takes its first byte for the first of all. */
export const MID_STREAM_OFFSET = 1 << 20;

export interface TcpOutput {
  /** `direction` 0: the end that opened, as far as it is known. */
  data(direction: 0 | 1, segment: Segment, timestampNs: number): void;
  /** Bytes that were sent and that the capture has not. */
  hole(direction: 0 | 1, offset: number, bytes: number, timestampNs: number): void;
  repeated(bytes: number): void;
}

export class TcpConnection {
  readonly directions: readonly [TcpDirection, TcpDirection] = [new TcpDirection(), new TcpDirection()];
  readonly #output: TcpOutput;
  /** When the last segment was there: what had to wait for it is no earlier. */
  #lastNs = 0;

  constructor(output: TcpOutput) {
    this.#output = output;
  }

  get isWaiting(): boolean {
    return this.directions[0].waiting.length > 0 || this.directions[1].waiting.length > 0;
  }

  get waitingBytes(): number {
    return this.directions[0].waitingBytes + this.directions[1].waitingBytes;
  }

  /** Both ends have closed, and everything that they sent was delivered. */
  get isFinished(): boolean {
    return this.directions.every(
      (direction) => direction.finOffset !== undefined && direction.next >= direction.finOffset,
    );
  }

  /** @param sequence of the first payload byte @param bytes the captured part of `wireLength` bytes */
  segment(
    from: 0 | 1,
    sequence: number,
    acknowledgement: number | undefined,
    bytes: Uint8Array,
    wireLength: number,
    isFin: boolean,
    nowNs: number,
  ): void {
    const own = this.directions[from];
    const other = this.directions[1 - from]!;
    if (!own.isStarted) own.start(sequence, MID_STREAM_OFFSET);
    let acknowledges = 0;
    if (acknowledgement !== undefined) {
      // Nothing was sent before and the beginning was seen: this acknowledges the other's SYN, which the capture missed.
      if (!other.isStarted) other.start(acknowledgement, own.next === 0 ? 0 : MID_STREAM_OFFSET);
      acknowledges = other.offsetOf(acknowledgement);
      // A FIN counts as one in the sequence space, and is no byte.
      if (other.finOffset !== undefined && acknowledges > other.finOffset) acknowledges = other.finOffset;
      other.sawAcknowledgement(acknowledges);
    }
    const offset = own.offsetOf(sequence);
    if (isFin) own.finOffset = offset + wireLength;
    if (wireLength > 0) {
      const segment = { offset, bytes, wireLength, acknowledges, timestampNs: nowNs };
      if (own.waiting.length === 0 && other.waiting.length === 0 && offset === own.next && acknowledges <= other.next) {
        own.add(segment);
        this.#deliver(from, own.takeFirst());
        return;
      }
      segment.bytes = bytes.slice();
      const repeated = own.add(segment);
      if (repeated > 0) this.#output.repeated(repeated);
    }
    if (this.isWaiting) this.advance(nowNs);
  }

  /** Deliver what can be delivered now. */
  advance(nowNs: number, isEnd = false): void {
    for (;;) {
      if (this.#deliverReady()) continue;
      if (!this.#giveUpHole(nowNs, isEnd)) return;
    }
  }

  #deliverReady(): boolean {
    let progress = false;
    for (const from of [0, 1] as const) {
      const own = this.directions[from];
      const other = this.directions[1 - from]!;
      while (own.waiting.length > 0) {
        const first = own.waiting[0]!;
        if (first.offset > own.next || first.acknowledges > other.next) break;
        progress = true;
        this.#deliver(from, own.takeFirst());
      }
    }
    return progress;
  }

  #deliver(from: 0 | 1, segment: Segment): void {
    const own = this.directions[from];
    const repeated = own.next - segment.offset;
    if (repeated > 0) {
      this.#output.repeated(Math.min(repeated, segment.wireLength));
      if (repeated >= segment.wireLength) return;
      trimStart(segment, repeated);
    }
    own.next = segment.offset + segment.wireLength;
    this.#output.data(from, segment, this.#timeOf(segment));
  }

  #leaveHole(direction: 0 | 1, until: number, before: Segment): void {
    const own = this.directions[direction];
    if (until <= own.next) return;
    // Lost from a burst more likely than sent just before what came next.
    const timestampNs = this.#lastNs === 0 ? this.#timeOf(before) : this.#lastNs;
    this.#output.hole(direction, own.next, until - own.next, timestampNs);
    own.next = until;
  }

  /** The moment that it was captured, however long it waited here. */
  #timeOf(segment: Segment): number {
    this.#lastNs = Math.max(this.#lastNs, segment.timestampNs);
    return this.#lastNs;
  }

  #giveUpHole(nowNs: number, isEnd: boolean): boolean {
    for (const from of [0, 1] as const) {
      const own = this.directions[from];
      const other = this.directions[1 - from]!;
      const first = own.waiting[0];
      if (first === undefined) continue;
      const isFull = isEnd || own.waitingBytes > MAXIMUM_WAITING_BYTES || own.waiting.length > MAXIMUM_WAITING_SEGMENTS;
      const isLate = nowNs - first.timestampNs > PATIENCE_NS;
      if (first.offset > own.next) {
        if (isFull || (isLate && own.acknowledged >= first.offset)) {
          this.#leaveHole(from, first.offset, first);
          return true;
        }
      } else if (first.acknowledges > other.next && (isFull || isLate)) {
        const until = Math.min(first.acknowledges, other.waiting[0]?.offset ?? first.acknowledges);
        // The other direction waits for this one: let this one's segment go first.
        this.#leaveHole(from === 0 ? 1 : 0, until, first);
        if (until < first.acknowledges && other.waiting[0]!.acknowledges > own.next) {
          this.#deliver(from, own.takeFirst());
        }
        return true;
      }
    }
    return false;
  }
}
