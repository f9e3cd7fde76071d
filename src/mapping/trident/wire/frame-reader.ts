/**
 * Frames out of one TCP stream, for any split of its bytes. Holds at most one frame's bytes that have come, so a
 * claimed length costs nothing until its bytes are there. After a fault the stream can't be read on: there is no mark
 * to find the next frame by.
 */
import {
  decodeFrameHeader,
  type FrameFault,
  type FrameHeader,
  faultOf,
  headerBytes,
  SHORT_HEADER_BYTES,
} from "./frame.ts";

const INITIAL_BYTES = 4096;

/** @param body valid only during the call */
type FrameSink = (header: FrameHeader, body: Uint8Array) => void;

export class FrameReader {
  readonly #maxFrameBytes: number;
  #pending = new Uint8Array(0);
  #pendingBytes = 0;
  #fault: FrameFault | undefined;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Bytes of a frame that is not whole yet. */
  get heldBytes(): number {
    return this.#pendingBytes;
  }

  /** Returns the fault that ends the stream, if any. */
  push(chunk: Uint8Array, sink: FrameSink): FrameFault | undefined {
    let rest = chunk;
    while (this.#fault === undefined && rest.length > 0) {
      if (this.#pendingBytes === 0) {
        const taken = this.#takeWhole(rest, sink);
        rest = rest.subarray(taken);
        if (taken > 0 || this.#fault !== undefined) continue;
        this.#append(rest);
        return undefined;
      }
      const wanted = this.#wantedBytes();
      const taken = rest.subarray(0, wanted - this.#pendingBytes);
      this.#append(taken);
      rest = rest.subarray(taken.length);
      if (this.#pendingBytes < wanted) return undefined;
      const used = this.#takeWhole(this.#pending.subarray(0, this.#pendingBytes), sink);
      if (used > 0) this.#reset();
    }
    return this.#fault;
  }

  /** How many bytes make the next step possible: header first, then the frame. */
  #wantedBytes(): number {
    if (this.#pendingBytes < SHORT_HEADER_BYTES) return SHORT_HEADER_BYTES;
    const size = headerBytes(this.#pending[4] ?? 0);
    if (this.#pendingBytes < size) return size;
    return decodeFrameHeader(this.#pending, 0).frameBytes;
  }

  /** Hands over the frame at the start of `bytes`; returns its length, 0 when more is needed. */
  #takeWhole(bytes: Uint8Array, sink: FrameSink): number {
    if (bytes.length < SHORT_HEADER_BYTES) return 0;
    const type = bytes[4] as number;
    this.#fault = faultOf(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), type, this.#maxFrameBytes);
    if (this.#fault !== undefined || bytes.length < headerBytes(type)) return 0;
    const header = decodeFrameHeader(bytes, 0);
    if (bytes.length < header.frameBytes) return 0;
    sink(header, bytes.subarray(headerBytes(header.type), header.frameBytes));
    return header.frameBytes;
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#pendingBytes + bytes.length;
    if (needed > this.#pending.length) {
      const grown = new Uint8Array(Math.max(INITIAL_BYTES, needed, this.#pending.length * 2));
      grown.set(this.#pending.subarray(0, this.#pendingBytes));
      this.#pending = grown;
    }
    this.#pending.set(bytes, this.#pendingBytes);
    this.#pendingBytes = needed;
  }

  #reset(): void {
    this.#pendingBytes = 0;
    // A thousand idle connections must not keep their largest frame's memory.
    if (this.#pending.length > INITIAL_BYTES * 16) this.#pending = new Uint8Array(0);
  }
}
