/**
 * A file of requests: `SSPQ`, version, format of the bodies; then each request behind its own header {length of the body,
 * items, CRC-32 of the body, CRC-32 of these twelve bytes}, little endian. The requests that have come to their end stand
 * by their number, four bytes each, in a file beside it.
 */
import { fstatSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";

const MAGIC = "SSPQ";
const VERSION = 1;
const FORMAT_OFFSET = 8;
const FORMAT_BYTES = 8;
const CHECKED_BYTES = 12;
export const SEGMENT_HEADER_BYTES = FORMAT_OFFSET + FORMAT_BYTES;
export const RECORD_HEADER_BYTES = CHECKED_BYTES + 4;

/** Where a request lies. */
export interface SegmentRecord {
  /** Of its body in the file. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly itemCount: number;
  readonly crc: number;
}

export interface ScannedSegment {
  /** undefined: it is none of ours, or of another version. */
  readonly format: string | undefined;
  readonly records: readonly SegmentRecord[];
  /** Behind the last request that is whole. */
  readonly cutBytes: number;
}

export function segmentHeader(format: string): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.write(MAGIC, "latin1");
  header.writeUInt32LE(VERSION, MAGIC.length);
  header.write(format, FORMAT_OFFSET, FORMAT_BYTES, "latin1");
  return header;
}

export function recordHeader(body: Uint8Array, itemCount: number): { readonly bytes: Buffer; readonly crc: number } {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES);
  const crc = crc32(body);
  bytes.writeUInt32LE(body.length, 0);
  bytes.writeUInt32LE(itemCount, 4);
  bytes.writeUInt32LE(crc, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
  return { bytes, crc };
}

/** Goes from header to header: bodies are looked at when they are sent. */
export function scanSegment(fd: number): ScannedSegment {
  const { size } = fstatSync(fd);
  const header = readAt(fd, 0, SEGMENT_HEADER_BYTES);
  const format = formatOf(header);
  const records: SegmentRecord[] = [];
  let end = header.length;
  while (format !== undefined && end + RECORD_HEADER_BYTES <= size) {
    const bytes = readAt(fd, end, RECORD_HEADER_BYTES);
    if (bytes.length < RECORD_HEADER_BYTES) break;
    if (bytes.readUInt32LE(CHECKED_BYTES) !== crc32(bytes.subarray(0, CHECKED_BYTES))) break;
    const sizeBytes = bytes.readUInt32LE(0);
    const offset = end + RECORD_HEADER_BYTES;
    if (offset + sizeBytes > size) break;
    records.push({ offset, sizeBytes, itemCount: bytes.readUInt32LE(4), crc: bytes.readUInt32LE(8) });
    end = offset + sizeBytes;
  }
  return { format, records, cutBytes: size - end };
}

/** @returns undefined where the bytes are not those that were written */
export function readBody(fd: number, { offset, sizeBytes, crc }: SegmentRecord): Uint8Array | undefined {
  const body = readAt(fd, offset, sizeBytes);
  return body.length === sizeBytes && crc32(body) === crc ? body : undefined;
}

/** Short at the end of the file. */
function readAt(fd: number, offset: number, lengthBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(lengthBytes);
  let length = 0;
  while (length < lengthBytes) {
    const got = readSync(fd, bytes, length, lengthBytes - length, offset + length);
    if (got === 0) break;
    length += got;
  }
  return bytes.subarray(0, length);
}

function formatOf(header: Buffer): string | undefined {
  if (header.length < SEGMENT_HEADER_BYTES || header.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  if (header.readUInt32LE(MAGIC.length) !== VERSION) return undefined;
  return header.toString("latin1", FORMAT_OFFSET, SEGMENT_HEADER_BYTES).replace(/\0+$/, "");
}
