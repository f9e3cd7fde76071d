/** The bodies of those Kafka messages that say what a span is about: topics, partitions, offsets, groups, errors. */
import type { KafkaMessage, KafkaState } from "./kafka.ts";
import { KafkaReader } from "./kafka-reader.ts";

const MAX_TOPIC_IDS = 4096;
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
  if (message.topicCount > 0 && !reader.failed) {
    const topic = readTopic(reader, version >= 13, state);
    const partitions = reader.array();
    if (!reader.failed) message.topic = topic;
    if (partitions > 0) {
      const partition = reader.int32();
      if (!reader.failed) message.partition = partition;
      const size = reader.bytesLength();
      if (!reader.failed && size > 0) readBatch(bytes, reader.position, reader.position + reader.remaining, message);
    }
  }
  return acks === 0;
}

/** A record batch of version 2 (Kafka 0.11 on): how many records, and the first one's headers if it is not compressed. */
function readBatch(bytes: Uint8Array, from: number, end: number, message: KafkaMessage): void {
  const reader = new KafkaReader(bytes, from, end, false);
  reader.skip(16);
  const magic = reader.uint8();
  reader.skip(4);
  const attributes = reader.uint16();
  reader.skip(34);
  const count = reader.int32();
  if (reader.failed || magic !== 2 || count < 0) return;
  message.recordCount = count;
  if ((attributes & 7) !== 0) return;
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

export function readResponse(reader: KafkaReader, message: KafkaMessage, state: KafkaState): void {
  const { apiKey, version } = message;
  if (apiKey === 0) readProduceAnswer(reader, message, state);
  else if (apiKey === 1) readFetchAnswer(reader, message, state);
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

/** The first partition's state; what follows are records. */
function readFetchAnswer(reader: KafkaReader, message: KafkaMessage, state: KafkaState): void {
  const { version } = message;
  if (version >= 1) reader.skip(4);
  if (version >= 7) {
    const code = reader.int16();
    if (!reader.failed) message.errorCode = code;
    reader.skip(4);
  }
  if (reader.array() === 0 || reader.failed) return;
  const topic = readTopic(reader, version >= 13, state);
  if (reader.array() === 0) return;
  const partition = reader.int32();
  const code = reader.int16();
  if (reader.failed) return;
  message.topic = topic;
  message.partition = partition;
  if (message.errorCode === 0) message.errorCode = code;
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
      if (state.topicNames.size >= MAX_TOPIC_IDS) state.topicNames.delete(state.topicNames.keys().next().value!);
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
