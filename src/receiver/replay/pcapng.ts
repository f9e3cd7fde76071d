/** pcapng (IETF draft-ietf-opsawg-pcapng): sections, interfaces with their own clock resolution, packet blocks. */
import { type CaptureDecoder, MAXIMUM_RECORD_BYTES, type PacketSink } from "./capture.ts";
import { CaptureDamagedError, CaptureTruncatedError } from "./error.ts";
import { RecordBuffer } from "./record-buffer.ts";

const BlockType = { sectionHeader: 0x0a0d0d0a, interface: 1, packet: 2, simplePacket: 3, enhancedPacket: 6 } as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;

interface CaptureInterface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

export class PcapngDecoder implements CaptureDecoder {
  readonly #sink: PacketSink;
  readonly #buffer = new RecordBuffer();
  #littleEndian = true;
  #interfaces: CaptureInterface[] = [];
  #stopped = false;
  #lastSeconds = 0;
  #lastNanoseconds = 0;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    if (this.#stopped) return;
    const buffer = this.#buffer;
    buffer.push(chunk);
    while (buffer.available >= 12) {
      const length = this.#blockLength();
      if (typeof length === "number" && buffer.available < length) return;
      const damage = typeof length === "string" ? length : this.#block(length);
      if (damage !== undefined) {
        this.#stopped = true;
        this.#sink.problem(new CaptureDamagedError(buffer.fileOffset, damage));
        return;
      }
      buffer.consume(length as number);
    }
  }

  end(): void {
    if (this.#stopped || this.#buffer.available === 0) return;
    this.#sink.problem(new CaptureTruncatedError(this.#buffer.fileOffset, "the last block is cut off"));
  }

  /** @returns the length of the next block, or what is wrong with it */
  #blockLength(): number | string {
    const buffer = this.#buffer;
    if (buffer.uint32(0, true) === BlockType.sectionHeader) {
      this.#littleEndian = buffer.uint32(8, true) === BYTE_ORDER_MAGIC;
      if (!this.#littleEndian && buffer.uint32(8, false) !== BYTE_ORDER_MAGIC) {
        return "a section header has no byte order mark";
      }
      this.#interfaces = [];
    }
    const length = buffer.uint32(4, this.#littleEndian);
    if (length < 12 || length % 4 !== 0 || length > MAXIMUM_RECORD_BYTES) {
      return `a block says that it is ${length} bytes long`;
    }
    return length;
  }

  /** @returns what is wrong with it, if anything is */
  #block(length: number): string | undefined {
    const buffer = this.#buffer;
    const little = this.#littleEndian;
    if (buffer.uint32(length - 4, little) !== length) return "a block's two lengths differ";
    const type = buffer.uint32(0, little);
    if (type === BlockType.interface) {
      if (length < 20) return "an interface block is too short";
      this.#interfaces.push(this.#interface(length));
    } else if (type === BlockType.enhancedPacket || type === BlockType.packet) {
      if (length < 32) return "a packet block is too short";
      const id = type === BlockType.packet ? buffer.uint16(8, little) : buffer.uint32(8, little);
      const from = this.#interfaces[id];
      if (from === undefined) return `a packet names interface ${id}, which the file does not describe`;
      this.#setTime(from, buffer.uint32(12, little), buffer.uint32(16, little));
      return this.#packet(from, 28, length - 32, buffer.uint32(20, little), buffer.uint32(24, little));
    } else if (type === BlockType.simplePacket) {
      const from = this.#interfaces[0];
      if (from === undefined || length < 16) return "a simple packet without an interface";
      const original = buffer.uint32(8, little);
      const limit = from.snapLength === 0 ? original : Math.min(original, from.snapLength);
      return this.#packet(from, 12, length - 16, limit, original);
    }
    return undefined;
  }

  #packet(from: CaptureInterface, at: number, room: number, captured: number, original: number): string | undefined {
    if (captured > room) return `a packet of ${captured} bytes lies in a block with room for ${room}`;
    const start = this.#buffer.position + at;
    const bytes = this.#buffer.bytes.subarray(start, start + captured);
    this.#sink.packet(this.#lastSeconds, this.#lastNanoseconds, from.linkType, bytes, Math.max(original, captured));
    return undefined;
  }

  #setTime(from: CaptureInterface, high: number, low: number): void {
    const units = (BigInt(high) << 32n) | BigInt(low);
    const seconds = units / from.unitsPerSecond;
    this.#lastSeconds = Number(seconds + from.offsetSeconds);
    this.#lastNanoseconds = Number(((units - seconds * from.unitsPerSecond) * 1_000_000_000n) / from.unitsPerSecond);
  }

  #interface(length: number): CaptureInterface {
    const buffer = this.#buffer;
    const little = this.#littleEndian;
    let unitsPerSecond = 1_000_000n;
    let offsetSeconds = 0n;
    let at = 16;
    while (at + 4 <= length - 4) {
      const code = buffer.uint16(at, little);
      const size = buffer.uint16(at + 2, little);
      if (code === 0 || at + 4 + size > length - 4) break;
      if (code === OPTION_TIME_RESOLUTION && size >= 1) {
        const value = buffer.bytes[buffer.position + at + 4]!;
        const exponent = BigInt(value & 0x7f);
        if (exponent <= 63n) unitsPerSecond = (value & 0x80) === 0 ? 10n ** exponent : 1n << exponent;
      } else if (code === OPTION_TIME_OFFSET && size >= 8) {
        const first = BigInt(buffer.uint32(at + 4, little));
        const second = BigInt(buffer.uint32(at + 8, little));
        offsetSeconds = BigInt.asIntN(64, little ? (second << 32n) | first : (first << 32n) | second);
      }
      at += 4 + ((size + 3) & ~3);
    }
    return {
      linkType: buffer.uint16(8, little),
      snapLength: buffer.uint32(12, little),
      unitsPerSecond,
      offsetSeconds,
    };
  }
}
