/** Handshake messages of one direction, which records may cut anywhere (RFC 8446 section 5.1). */

export const HandshakeType = { clientHello: 1, serverHello: 2, certificate: 11 } as const;

interface HandshakeMessage {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Longer chains of certificates are not read. */
const MAX_BYTES = 65_536;
const HEADER_BYTES = 4;
const EMPTY = new Uint8Array(0);

export class HandshakeBuffer {
  #bytes: Uint8Array = EMPTY;

  push(part: Uint8Array): void {
    if (this.#bytes.length + part.length > MAX_BYTES) {
      this.clear();
      return;
    }
    const joined = new Uint8Array(this.#bytes.length + part.length);
    joined.set(this.#bytes);
    joined.set(part, this.#bytes.length);
    this.#bytes = joined;
  }

  /** The next whole message, which is taken. */
  next(): HandshakeMessage | undefined {
    const bytes = this.#bytes;
    if (bytes.length < HEADER_BYTES) return undefined;
    const end = HEADER_BYTES + bytes[1]! * 65_536 + bytes[2]! * 256 + bytes[3]!;
    if (end > bytes.length) {
      if (end > MAX_BYTES) this.clear();
      return undefined;
    }
    this.#bytes = bytes.subarray(end);
    return { type: bytes[0]!, body: bytes.subarray(HEADER_BYTES, end) };
  }

  clear(): void {
    this.#bytes = EMPTY;
  }
}
