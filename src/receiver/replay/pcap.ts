/** The classic capture file (IETF draft-ietf-opsawg-pcap): micro- and nanoseconds, both byte orders. */
import { type CaptureDecoder, MAXIMUM_RECORD_BYTES, type PacketSink } from "./capture.ts";
import { CaptureDamagedError, CaptureTruncatedError } from "./error.ts";
import { RecordBuffer } from "./record-buffer.ts";

const FILE_HEADER_BYTES = 24;

interface Variant {
  readonly littleEndian: boolean;
  readonly nanoseconds: boolean;
  /** The modified format of old Linux libpcap has 8 bytes more in each record header. */
  readonly recordHeaderBytes: 16 | 24;
}

const VARIANTS: ReadonlyMap<number, Variant> = new Map([
  [0xa1b2c3d4, { littleEndian: false, nanoseconds: false, recordHeaderBytes: 16 }],
  [0xd4c3b2a1, { littleEndian: true, nanoseconds: false, recordHeaderBytes: 16 }],
  [0xa1b23c4d, { littleEndian: false, nanoseconds: true, recordHeaderBytes: 16 }],
  [0x4d3cb2a1, { littleEndian: true, nanoseconds: true, recordHeaderBytes: 16 }],
  [0xa1b2cd34, { littleEndian: false, nanoseconds: false, recordHeaderBytes: 24 }],
  [0x34cdb2a1, { littleEndian: true, nanoseconds: false, recordHeaderBytes: 24 }],
]);

/** @param magic the file's first four bytes as a big-endian number */
export function isPcapMagic(magic: number): boolean {
  return VARIANTS.has(magic);
}

export class PcapDecoder implements CaptureDecoder {
  readonly #sink: PacketSink;
  readonly #buffer = new RecordBuffer();
  #variant: Variant | undefined;
  #linkType = 0;
  #stopped = false;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    if (this.#stopped) return;
    const buffer = this.#buffer;
    buffer.push(chunk);
    if (this.#variant === undefined) {
      if (buffer.available < FILE_HEADER_BYTES) return;
      const variant = VARIANTS.get(buffer.uint32(0, false))!;
      this.#variant = variant;
      // The upper bits say how long the frame check sequence is (FCSLEN); it lies behind the packet, where IP's length cuts it off.
      this.#linkType = buffer.uint32(20, variant.littleEndian) & 0xffff;
      buffer.consume(FILE_HEADER_BYTES);
    }
    const { littleEndian, nanoseconds, recordHeaderBytes } = this.#variant;
    const unit = nanoseconds ? 1 : 1000;
    while (buffer.available >= recordHeaderBytes) {
      const capturedLength = buffer.uint32(8, littleEndian);
      const originalLength = buffer.uint32(12, littleEndian);
      if (capturedLength > MAXIMUM_RECORD_BYTES) {
        this.#stopped = true;
        this.#sink.problem(
          new CaptureDamagedError(buffer.fileOffset, `a packet record says that it holds ${capturedLength} bytes`),
        );
        return;
      }
      const size = recordHeaderBytes + capturedLength;
      if (buffer.available < size) return;
      const start = buffer.position + recordHeaderBytes;
      this.#sink.packet(
        buffer.uint32(0, littleEndian),
        buffer.uint32(4, littleEndian) * unit,
        this.#linkType,
        buffer.bytes.subarray(start, start + capturedLength),
        Math.max(originalLength, capturedLength),
      );
      buffer.consume(size);
    }
  }

  end(): void {
    if (this.#stopped || this.#buffer.available === 0) return;
    this.#sink.problem(
      new CaptureTruncatedError(
        this.#buffer.fileOffset,
        this.#variant === undefined ? "the file header is cut off" : "the last packet record is cut off",
      ),
    );
  }
}
