/**
 * Joins IP fragments. Bounded: MAXIMUM_DATAGRAMS that are incomplete at a time, 64 KB each, 30 s (RFC 791 3.2,
 * RFC 8200 4.5). Overlaps: the bytes that came first stay.
 */
const MAXIMUM_DATAGRAMS = 256;
const MAXIMUM_DATAGRAM_BYTES = 65_535;
const LIFETIME_NS = 30e9;

interface Datagram {
  bytes: Uint8Array;
  /** One byte for each 8-byte block that is here. */
  readonly present: Uint8Array;
  presentBlocks: number;
  totalBytes: number;
  readonly startedNs: number;
}

export class FragmentTable {
  readonly #datagrams = new Map<string, Datagram>();

  /** @returns the whole datagram, once it is */
  add(
    key: string,
    offset: number,
    more: boolean,
    bytes: Uint8Array,
    wireLength: number,
    nowNs: number,
  ): Uint8Array | undefined {
    if (bytes.length < wireLength || offset + bytes.length > MAXIMUM_DATAGRAM_BYTES) {
      // Cut by the snap length: the whole can't be had.
      this.#datagrams.delete(key);
      return undefined;
    }
    let datagram = this.#datagrams.get(key);
    if (datagram !== undefined && nowNs - datagram.startedNs > LIFETIME_NS) {
      this.#datagrams.delete(key);
      datagram = undefined;
    }
    if (datagram === undefined) {
      this.#makeRoom();
      datagram = {
        bytes: new Uint8Array(Math.max(4096, offset + bytes.length)),
        present: new Uint8Array(8192),
        presentBlocks: 0,
        totalBytes: -1,
        startedNs: nowNs,
      };
      this.#datagrams.set(key, datagram);
    }
    if (!more) datagram.totalBytes = offset + bytes.length;
    place(datagram, offset, bytes);
    if (datagram.totalBytes < 0 || datagram.presentBlocks < Math.ceil(datagram.totalBytes / 8)) return undefined;
    this.#datagrams.delete(key);
    return datagram.bytes.subarray(0, datagram.totalBytes);
  }

  #makeRoom(): void {
    if (this.#datagrams.size < MAXIMUM_DATAGRAMS) return;
    const oldest = this.#datagrams.keys().next().value!;
    this.#datagrams.delete(oldest);
  }
}

function place(datagram: Datagram, offset: number, bytes: Uint8Array): void {
  const end = offset + bytes.length;
  if (end > datagram.bytes.length) {
    const larger = new Uint8Array(Math.min(MAXIMUM_DATAGRAM_BYTES, Math.max(end, datagram.bytes.length * 2)));
    larger.set(datagram.bytes);
    datagram.bytes = larger;
  }
  for (let at = offset; at < end; at += 8) {
    const block = at >> 3;
    if (datagram.present[block] === 1) continue;
    datagram.present[block] = 1;
    datagram.presentBlocks++;
    datagram.bytes.set(bytes.subarray(at - offset, Math.min(at + 8, end) - offset), at);
  }
}
