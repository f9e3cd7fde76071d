/** A record batch of version 2 (protocol guide, "Record Batch"), as producers without idempotence write it. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { crc32c } from "./crc32c.ts";
import { WireWriter } from "./wire-writer.ts";

export interface KafkaMessage {
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
}

export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
type Compression = (typeof COMPRESSIONS)[number];

/** Compresses the records of a batch. */
export type Compress = (records: Buffer) => Promise<Uint8Array>;

export interface BatchOptions {
  readonly timestampMs: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly compression: Compression;
  readonly compress: Compress;
}

/** Everything but the records. */
export const BATCH_OVERHEAD_BYTES = 61;
/** What comes before its attributes and is no part of the checksum: offset, length, leader epoch, magic, checksum. */
const UNCHECKED_BYTES = 21;
const MAGIC = 2;

const gzipAsync = promisify<Buffer, { level: number }, Buffer>(gzip);

export function gzipCompress(level: number): Compress {
  return (records) => gzipAsync(records, { level });
}

/** On the high side: what a message takes in a batch that is not compressed. */
export function recordSizeBytes({ key, value }: KafkaMessage, headers: BatchOptions["headers"]): number {
  const ofHeaders = headers.reduce(
    (sum, [name, text]) => sum + 10 + Buffer.byteLength(name) + Buffer.byteLength(text),
    0,
  );
  return 30 + (key?.length ?? 0) + value.length + ofHeaders;
}

export async function encodeBatch(messages: readonly KafkaMessage[], options: BatchOptions): Promise<Buffer> {
  const { timestampMs, compression, compress } = options;
  const plain = encodeRecords(messages, options.headers);
  const records = compression === "none" ? plain : await compress(plain);
  const checked = new WireWriter(BATCH_OVERHEAD_BYTES + records.length);
  checked.int16(COMPRESSIONS.indexOf(compression));
  checked.int32(messages.length - 1);
  checked.int64(BigInt(timestampMs));
  checked.int64(BigInt(timestampMs));
  // No producer id, no epoch, no sequence: not idempotent.
  checked.int64(-1n);
  checked.int16(-1);
  checked.int32(-1);
  checked.int32(messages.length);
  checked.raw(records);
  const batch = new WireWriter(BATCH_OVERHEAD_BYTES + records.length);
  batch.int64(0n);
  batch.int32(checked.length + UNCHECKED_BYTES - 12);
  batch.int32(-1);
  batch.int8(MAGIC);
  batch.uint32(crc32c(checked.view()));
  batch.raw(checked.view());
  return batch.view();
}

function encodeRecords(messages: readonly KafkaMessage[], headers: BatchOptions["headers"]): Buffer {
  const size = messages.reduce((sum, message) => sum + recordSizeBytes(message, headers), 0);
  const records = new WireWriter(size);
  for (const [index, { key, value }] of messages.entries()) {
    const record = new WireWriter(recordSizeBytes({ key, value }, headers));
    record.int8(0);
    record.varint(0);
    record.varint(index);
    record.varintBytes(key);
    record.varintBytes(value);
    record.varint(headers.length);
    for (const [name, text] of headers) {
      record.varintBytes(Buffer.from(name));
      record.varintBytes(Buffer.from(text));
    }
    records.varint(record.length);
    records.raw(record.view());
  }
  return records.view();
}
