/**
 * The layout of records in a BPF ring buffer (kernel/bpf/ringbuf.c, struct bpf_ringbuf_hdr): a 32-bit length word with
 * two flag bits, a 32-bit page offset, the bytes, padding to 8. Pure: it works on any copy of ring memory.
 */

export const RECORD_HEADER_SIZE_BYTES = 8;
/** BPF_RINGBUF_BUSY_BIT: reserved, not yet submitted. As a signed 32-bit word it makes the length negative. */
export const BUSY_BIT = 1 << 31;
/** BPF_RINGBUF_DISCARD_BIT: reserved and thrown away. */
export const DISCARD_BIT = 1 << 30;
const LENGTH_MASK = DISCARD_BIT - 1;

/** Bytes that a record takes in the ring, header and padding included. */
export function recordSpan(lengthWord: number): number {
  return ((lengthWord & LENGTH_MASK) + RECORD_HEADER_SIZE_BYTES + 7) & ~7;
}

/**
 * Calls `record` with each submitted record of a stretch that a RingBuffer gave (or a copy of it).
 * The offset is of the first payload byte. @returns the number of records
 */
export function forEachRecord(
  stretch: DataView,
  lengthBytes: number,
  record: (offset: number, lengthBytes: number) => void,
): number {
  let count = 0;
  for (let at = 0; at + RECORD_HEADER_SIZE_BYTES <= lengthBytes; ) {
    const word = stretch.getInt32(at, true);
    if ((word & DISCARD_BIT) === 0) {
      record(at + RECORD_HEADER_SIZE_BYTES, word & LENGTH_MASK);
      count++;
    }
    at += recordSpan(word);
  }
  return count;
}
