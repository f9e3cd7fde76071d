/** One direction of a captured TCP connection: segments that wait until what lies before them is here. */

export interface Segment {
  /** Stream offset of the first byte. */
  offset: number;
  bytes: Uint8Array;
  /** Bytes on the wire; more than `bytes` where the capture cut them. */
  wireLength: number;
  /** The sender had received the other direction up to here. */
  readonly acknowledges: number;
  readonly timestampNs: number;
}

export class TcpDirection {
  /** Sequence number of the first data byte. */
  firstSequence = 0;
  isStarted = false;
  /** Offset of the next byte to deliver. */
  next = 0;
  /** The highest offset that the other end has acknowledged. */
  acknowledged = 0;
  /** Offset of the FIN, or undefined. */
  finOffset: number | undefined;
  /** Sorted by offset. */
  readonly waiting: Segment[] = [];
  waitingBytes = 0;
  #highestOffset = 0;

  /** @param offset 0 where the connection's beginning was seen */
  start(firstSequence: number, offset: number): void {
    this.isStarted = true;
    // Kept modulo 2^32, so that firstSequence + offset is the sequence number also for a stream that began before the capture.
    this.firstSequence = (firstSequence - offset) >>> 0;
    this.next = offset;
    this.acknowledged = offset;
    this.#highestOffset = offset;
  }

  /** The 64-bit offset of a 32-bit sequence number: the one nearest to the highest seen (RFC 9293 3.4). */
  offsetOf(sequence: number): number {
    const low = (sequence - this.firstSequence) >>> 0;
    const difference = (low - (this.#highestOffset % 4294967296)) | 0;
    return this.#highestOffset + difference;
  }

  /** @returns how many bytes were here before */
  add(segment: Segment): number {
    const end = segment.offset + segment.wireLength;
    if (end > this.#highestOffset) this.#highestOffset = end;
    if (end <= this.next) return segment.wireLength;
    const repeated = Math.max(0, this.next - segment.offset);
    if (repeated > 0) trimStart(segment, repeated);
    let index = this.waiting.length;
    while (index > 0 && this.waiting[index - 1]!.offset > segment.offset) index--;
    // The buffer of the file is reused, so that what waits is copied by the caller.
    this.waiting.splice(index, 0, segment);
    this.waitingBytes += segment.bytes.length;
    return repeated;
  }

  takeFirst(): Segment {
    const segment = this.waiting.shift()!;
    this.waitingBytes -= segment.bytes.length;
    return segment;
  }

  sawAcknowledgement(offset: number): void {
    if (offset > this.acknowledged && offset <= this.#highestOffset + 1e9) this.acknowledged = offset;
  }
}

export function trimStart(segment: Segment, count: number): void {
  segment.offset += count;
  segment.bytes = segment.bytes.subarray(Math.min(count, segment.bytes.length));
  segment.wireLength -= count;
}
