/**
 * Datagrams that a capture holds twice: on all interfaces of a host, or at a switch's mirror port, one packet is seen at each
 * place that it passes. TCP's sequence numbers tell; of datagrams only that the same bytes come again at once does.
 * State: MAXIMUM_KEPT of the last datagrams of a flow's direction.
 */

/** A client that asks again waits longer. */
const WINDOW_NS = 2e6;
/** A resolver sends two questions at once, on the way each of them is seen a few times. */
const MAXIMUM_KEPT = 8;

interface Seen {
  readonly hash: number;
  readonly length: number;
  readonly timestampNs: number;
}

export class DatagramDuplicates {
  readonly #seen: Seen[] = [];

  /** @param bytes what was captured of `length` bytes */
  isDuplicate(bytes: Uint8Array, length: number, timestampNs: number): boolean {
    const hash = hashOf(bytes);
    const seen = this.#seen;
    while (seen.length > 0 && (seen.length >= MAXIMUM_KEPT || timestampNs - seen[0]!.timestampNs > WINDOW_NS)) {
      seen.shift();
    }
    if (seen.some((other) => other.hash === hash && other.length === length)) return true;
    seen.push({ hash, length, timestampNs });
    return false;
  }
}

/** FNV-1a (datatracker.ietf.org/doc/draft-eastlake-fnv). */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}
