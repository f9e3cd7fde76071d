/** The bodies of those Kafka messages that say what a span is about: topics, partitions, offsets, groups, errors. */
import { makeRoom } from "../../../make-room.ts";
import { uint32 } from "../byte-reader.ts";
import type { KafkaMessage, KafkaState } from "./kafka.ts";
import { KafkaReader } from "./reader.ts";

const MAX_TOPIC_IDS = 4096;
/** Bits of a batch's attributes. */
const COMPRESSION = 0x07;
const CONTROL_BATCH = 0x20;
const BATCH_HEADER_BYTES = 61;
const CARRIERS = new Set(["traceparent", "tracestate", "b3", "sw8", "uber-trace-id", "x-request-id"]);
/** Requests that begin with the id of a consumer group. */
const GROUP_FIRST = new Set([8, 9, 11, 12, 13, 14, 68, 76]);

/** @returns true: the sender wants no answer (Produce with acks=0) */
export function readRequest(reader: KafkaReader, bytes: Uint8Array, message: KafkaMessage, state: KafkaState): boolean {
  const { apiKey, version } = message;
  if (apiKey === 0) return readProduce(reader, bytes, message, state);
  if (apiKey === 1) readFetch(reader, message, state);
  else if (apiKey === 3) {
    message.topicCount = reader.array();
    if (message.topicCount > 0) {
      const id = version >= 10 ? reader.uuid() : undefined;
      message.topic = reader.string() ?? (id === undefined ? undefined : state.topicNames.get(id));
    }
  } else if (GROUP_FIRST.has(apiKey) && !(apiKey === 9 && version >= 8)) message.group = reader.string();
  else if (apiKey === 9) {
    if (reader.array() > 0) message.group = reader.string();
  } else if (apiKey === 10 && version < 4) message.group = reader.string();
  if (reader.failed && message.topic === "") message.topic = undefined;
  return false;
}

function readTopic(reader: KafkaReader, hasId: boolean, state: KafkaState): string | undefined {
  return hasId ? state.topicNames.get(reader.uuid()) : reader.string();
}

function readProduce(reader: KafkaReader, bytes: Uint8Array, message: KafkaMessage, state: KafkaState): boolean {
  const { version } = message;
  if (version >= 3) reader.string();
  const acks = reader.int16();
  reader.skip(4);
  message.topicCount = reader.array();
  message.recordCount = readProduced(reader, bytes, message, state) || undefined;
  return acks === 0;
}

/** @returns how many records all partitions have; undefined: not all are in view */
function readProduced(
  reader: KafkaReader,
  bytes: Uint8Array,
  message: KafkaMessage,
  state: KafkaState,
): number | undefined {
  let records = 0;
  for (let i = 0; i < message.topicCount && !reader.failed; i++) {
    const topic = readTopic(reader, message.version >= 13, state);
    const partitions = reader.array();
    if (i === 0 && !reader.failed) message.topic = topic;
    for (let j = 0; j < partitions; j++) {
      const isFirst = i === 0 && j === 0;
      const partition = reader.int32();
      if (isFirst && !reader.failed) message.partition = partition;
      const size = reader.bytesLength();
      if (reader.failed) return undefined;
      const from = reader.position;
      const end = from + Math.min(size, reader.remaining);
      const count = size === 0 ? 0 : readBatch(bytes, from, end, isFirst ? message : undefined);
      if (count === undefined) return undefined;
      records += count;
      const isLast = i + 1 === message.topicCount && j + 1 === partitions;
      if (size > reader.remaining) return isLast ? records : undefined;
      reader.skip(size);
      reader.tags();
    }
    reader.tags();
  }
  return reader.failed ? undefined : records;
}

/**
 * A record batch of version 2 (Kafka 0.11 on).
 * @param message gets the first record's headers, if the batch is not compressed
 * @returns how many records; undefined: older, or not in view
 */
function readBatch(
  bytes: Uint8Array,
  from: number,
  end: number,
  message: KafkaMessage | undefined,
): number | undefined {
  const reader = new KafkaReader(bytes, from, end, false);
  reader.skip(16);
  const magic = reader.uint8();
  reader.skip(4);
  const attributes = reader.uint16();
  reader.skip(34);
  const count = reader.int32();
  if (reader.failed || magic !== 2 || count < 0) return undefined;
  if (message !== undefined && (attributes & COMPRESSION) === 0) readFirstRecord(reader, message);
  // Marks of transactions are no messages.
  return (attributes & CONTROL_BATCH) === 0 ? count : 0;
}

function readFirstRecord(reader: KafkaReader, message: KafkaMessage): void {
  reader.signedVarint();
  reader.skip(1);
  reader.signedVarint();
  reader.signedVarint();
  reader.skip(Math.max(0, reader.signedVarint()));
  reader.skip(Math.max(0, reader.signedVarint()));
  const headers = reader.signedVarint();
  for (let i = 0; i < headers && i < 32 && !reader.failed; i++) {
    const key = reader.latin1(Math.max(0, reader.signedVarint()));
    const value = reader.latin1(Math.max(0, reader.signedVarint()));
    const name = key.toLowerCase();
    if (reader.failed || !CARRIERS.has(name) || value.length > 1024) continue;
    message.headers ??= new Map();
    message.headers.set(name, value);
  }
}

function readFetch(reader: KafkaReader, message: KafkaMessage, state: KafkaState): void {
  const { version } = message;
  if (version < 15) reader.skip(4);
  reader.skip(8);
  if (version >= 3) reader.skip(4);
  if (version >= 4) reader.skip(1);
  if (version >= 7) reader.skip(8);
  message.topicCount = reader.array();
  if (message.topicCount === 0 || reader.failed) return;
  const topic = readTopic(reader, version >= 13, state);
  if (!reader.failed) message.topic = topic;
  if (reader.array() === 0) return;
  const partition = reader.int32();
  if (version >= 9) reader.skip(4);
  const offset = reader.uint64();
  if (reader.failed) return;
  message.partition = partition;
  message.offset = offset;
}

/** APIs whose answer has one error code, and the version from which a throttle time stands before it. */
const THROTTLE_FROM: ReadonlyMap<number, number> = new Map([
  [10, 1],
  [11, 2],
  [12, 1],
  [13, 1],
  [14, 1],
  [16, 1],
  [17, 99],
  [18, 99],
  [22, 0],
  [25, 0],
  [26, 0],
  [36, 99],
  [68, 0],
]);

export function readResponse(reader: KafkaReader, bytes: Uint8Array, message: KafkaMessage, state: KafkaState): void {
  const { apiKey, version } = message;
  if (apiKey === 0) readProduceAnswer(reader, message, state);
  else if (apiKey === 1) readFetchAnswer(reader, bytes, message, state);
  else if (apiKey === 3) readMetadata(reader, message, state);
  else {
    const throttleFrom = THROTTLE_FROM.get(apiKey);
    if (throttleFrom === undefined || (apiKey === 10 && version >= 4)) return;
    if (version >= throttleFrom) reader.skip(4);
    const code = reader.int16();
    if (!reader.failed) message.errorCode = code;
  }
}

function readProduceAnswer(reader: KafkaReader, message: KafkaMessage, state: KafkaState): void {
  const topics = reader.array();
  for (let i = 0; i < topics && !reader.failed && i < 64; i++) {
    const topic = readTopic(reader, message.version >= 13, state);
    const partitions = reader.array();
    for (let j = 0; j < partitions && !reader.failed && j < 256; j++) {
      const partition = reader.int32();
      const code = reader.int16();
      const offset = reader.uint64();
      if (reader.failed) return;
      message.topic ??= topic;
      message.partition ??= partition;
      if (message.offset === undefined && code === 0) message.offset = offset;
      if (message.errorCode === 0) message.errorCode = code;
      if (message.version >= 2) reader.skip(8);
      if (message.version >= 5) reader.skip(8);
      if (message.version >= 8) {
        const errors = reader.array();
        for (let k = 0; k < errors && !reader.failed && k < 64; k++) {
          reader.skip(4);
          reader.string();
          reader.tags();
        }
        reader.string();
      }
      reader.tags();
    }
    reader.tags();
  }
}

/** Says how many records came only where all of them are in view. */
function readFetchAnswer(reader: KafkaReader, bytes: Uint8Array, message: KafkaMessage, state: KafkaState): void {
  const { version } = message;
  if (version >= 1) reader.skip(4);
  if (version >= 7) {
    const code = reader.int16();
    if (!reader.failed) message.errorCode = code;
    reader.skip(4);
  }
  let records: number | undefined = 0;
  const topics = reader.array();
  for (let i = 0; i < topics && !reader.failed; i++) {
    const topic = readTopic(reader, version >= 13, state);
    const partitions = reader.array();
    for (let j = 0; j < partitions && !reader.failed; j++) {
      const partition = reader.int32();
      const code = reader.int16();
      if (reader.failed) return;
      if (i === 0 && j === 0) {
        message.topic = topic;
        message.partition = partition;
      }
      if (message.errorCode === 0) message.errorCode = code;
      skipPartitionState(reader, version);
      const size = reader.bytesLength();
      if (reader.failed) return;
      const count = size > reader.remaining ? undefined : countRecords(bytes, reader.position, size);
      records = records === undefined || count === undefined ? undefined : records + count;
      reader.skip(size);
      reader.tags();
    }
    reader.tags();
  }
  if (!reader.failed && records !== undefined && records > 0) message.recordCount = records;
}

/** High watermark, last stable offset, log start offset, aborted transactions, preferred replica. */
function skipPartitionState(reader: KafkaReader, version: number): void {
  reader.skip(version >= 5 ? 24 : version >= 4 ? 16 : 8);
  const aborted = version >= 4 ? reader.array() : 0;
  for (let i = 0; i < aborted && !reader.failed; i++) {
    reader.skip(16);
    reader.tags();
  }
  if (version >= 11) reader.skip(4);
}

/** Of batches that follow one another. The last one may be cut off: the client asks for it again. */
function countRecords(bytes: Uint8Array, from: number, size: number): number | undefined {
  const end = from + size;
  let records = 0;
  for (let at = from; at + BATCH_HEADER_BYTES <= end; ) {
    const next = at + 12 + uint32(bytes, at + 8);
    if (next > end) break;
    const count = readBatch(bytes, at, next, undefined);
    if (count === undefined) return undefined;
    records += count;
    at = next;
  }
  return records;
}

/** Learns which topic ids stand for which names. */
function readMetadata(reader: KafkaReader, message: KafkaMessage, state: KafkaState): void {
  const { version } = message;
  if (version >= 3) reader.skip(4);
  const brokers = reader.array();
  for (let i = 0; i < brokers && !reader.failed; i++) {
    reader.skip(4);
    reader.string();
    reader.skip(4);
    if (version >= 1) reader.string();
    reader.tags();
  }
  if (version >= 2) reader.string();
  if (version >= 1) reader.skip(4);
  const topics = reader.array();
  for (let i = 0; i < topics && !reader.failed; i++) {
    const code = reader.int16();
    const name = reader.string();
    const id = version >= 10 ? reader.uuid() : undefined;
    if (reader.failed) return;
    if (message.errorCode === 0) message.errorCode = code;
    if (id !== undefined && name !== undefined) {
      makeRoom(state.topicNames, MAX_TOPIC_IDS);
      state.topicNames.set(id, name);
    }
    if (version >= 1) reader.skip(1);
    const partitions = reader.array();
    for (let j = 0; j < partitions && !reader.failed; j++) {
      reader.skip(10);
      if (version >= 7) reader.skip(4);
      reader.skip(reader.array() * 4);
      reader.skip(reader.array() * 4);
      if (version >= 5) reader.skip(reader.array() * 4);
      reader.tags();
    }
    if (version >= 8) reader.skip(4);
    reader.tags();
  }
}
