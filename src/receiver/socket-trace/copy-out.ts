/** From the ring into buffers: what one look of the drain thread does. */
import type { RingBuffer } from "../../bpf/ring-buffer.ts";
import type { BatchPool } from "./batch-pool.ts";

/** With so many batches not yet decoded, a batch that leaves half empty makes nothing faster. */
export const BEHIND_BATCHES = 4;

/**
 * One look: what is in the ring now, as far as there are buffers. While the decoder is behind, less than `worthBytes`
 * stays in the ring: buffers are bounded by number, and a burst that fills each with the records of one millisecond
 * would use them up with most of their room unused.
 * @returns bytes
 */
export function copyOut(
  ring: RingBuffer,
  pool: BatchPool,
  give: (buffer: ArrayBuffer, lengthBytes: number) => void,
  worthBytes: number,
): number {
  let found = 0;
  for (;;) {
    if (pool.lentCount >= BEHIND_BATCHES && ring.pendingBytes < worthBytes) return found;
    const buffer = pool.take();
    if (buffer === undefined) return found;
    const stretch = ring.peek(buffer.byteLength);
    if (stretch.length === 0 || stretch.length > buffer.byteLength) {
      pool.giveBack(buffer);
      if (stretch.length > 0) throw new Error(`a record of ${stretch.length} bytes is larger than a batch`);
      return found;
    }
    new Uint8Array(buffer).set(stretch);
    ring.release(stretch.length);
    found += stretch.length;
    give(buffer, stretch.length);
  }
}
