/**
 * Kafka: every API by its header, produce, fetch and consumer groups in detail, pipelined by correlation id, acks=0.
 *
 * Claims: a request header with a known API, a version that exists, and a client id of printable characters (a null
 * one only for ApiVersions). Answers have no mark of their own and are never claimed alone.
 * Bound of the state: MAX_PENDING requests, MAX_TOPIC_IDS topic names.
 */
import { makeRoom } from "../../../make-room.ts";
import { copiedBytes, type Framing, firstBytes } from "../../connection/framing.ts";
import { latin1 } from "../../latin1.ts";
import { int16At, uint32 } from "../byte-reader.ts";
import {
  INVALID,
  type Message,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  type RecognitionHint,
  Sender,
} from "../protocol.ts";
import { KAFKA_APIS, MAX_KAFKA_VERSION } from "./apis.ts";
import { readRequest, readResponse } from "./bodies.ts";
import { KafkaReader } from "./reader.ts";
import { describeKafka } from "./span.ts";

export interface KafkaMessage extends Message {
  readonly apiKey: number;
  readonly version: number;
  readonly clientId: string | undefined;
  /** The first one; `topicCount` says how many there are. */
  topic: string | undefined;
  topicCount: number;
  partition: number | undefined;
  offset: number | undefined;
  group: string | undefined;
  /** Of all batches; undefined where some are not in view. */
  recordCount: number | undefined;
  /** Headers of the first record that may carry trace context. */
  headers: Map<string, string> | undefined;
  errorCode: number;
}

export interface KafkaState {
  readonly pending: Map<number, { readonly apiKey: number; readonly version: number }>;
  readonly topicNames: Map<string, string>;
}

const MAX_PENDING = 4096;
/** The first topics and records of a message are all that is read. */
const PREFIX_BYTES = 8192;
/** A long answer brings records. Metadata and few records are read whole. */
const ANSWER = { whole: 16_384, first: 4096 };
const MAX_MESSAGE_BYTES = 512 * 1024 * 1024;
const HEADER_BYTES = 14;
const PRODUCE = 0;
const FETCH = 1;
const METADATA = 3;
const API_VERSIONS = 18;

function newMessage(role: MessageRole, id: number, apiKey: number, version: number): KafkaMessage {
  return {
    role,
    id,
    apiKey,
    version,
    clientId: undefined,
    topic: undefined,
    topicCount: 0,
    partition: undefined,
    offset: undefined,
    group: undefined,
    recordCount: undefined,
    headers: undefined,
    errorCode: 0,
  };
}

function isRequestHeader(bytes: Uint8Array, at: number): boolean {
  const length = uint32(bytes, at);
  const apiKey = int16At(bytes, at + 4);
  const version = int16At(bytes, at + 6);
  const clientIdLength = int16At(bytes, at + 12);
  return (
    length >= 10 &&
    length <= MAX_MESSAGE_BYTES &&
    KAFKA_APIS[apiKey] !== undefined &&
    version >= 0 &&
    version <= MAX_KAFKA_VERSION &&
    uint32(bytes, at + 8) < 0x80000000 &&
    clientIdLength >= -1 &&
    clientIdLength <= Math.min(1024, length - 10)
  );
}

function parseClient(bytes: Uint8Array, state: KafkaState, sink: MessageSink<KafkaMessage>): number {
  if (bytes.length < HEADER_BYTES) return NEED_MORE;
  if (!isRequestHeader(bytes, 0)) return INVALID;
  const total = 4 + uint32(bytes, 0);
  const needed = Math.min(total, PREFIX_BYTES);
  if (bytes.length < needed) return NEED_MORE;
  const apiKey = int16At(bytes, 4);
  const version = int16At(bytes, 6);
  const id = uint32(bytes, 8);
  const clientIdLength = int16At(bytes, 12);
  const clientId =
    clientIdLength > 0 ? latin1(bytes, HEADER_BYTES, HEADER_BYTES + Math.min(clientIdLength, 255)) : undefined;
  const isFlexible = version >= KAFKA_APIS[apiKey]!.flexibleFrom;
  const message = { ...newMessage(MessageRole.request, id, apiKey, version), clientId };
  const reader = new KafkaReader(bytes, HEADER_BYTES + Math.max(0, clientIdLength), needed, isFlexible);
  reader.tags();
  const wantsNoAnswer = readRequest(reader, bytes, message, state) && apiKey === PRODUCE;
  if (wantsNoAnswer) {
    sink.message({ ...message, role: MessageRole.oneWay });
    return total;
  }
  makeRoom(state.pending, MAX_PENDING);
  state.pending.set(id, { apiKey, version });
  sink.message(message);
  return total;
}

function parseServer(bytes: Uint8Array, state: KafkaState, sink: MessageSink<KafkaMessage>): number {
  if (bytes.length < 8) return NEED_MORE;
  const length = uint32(bytes, 0);
  if (length < 4 || length > MAX_MESSAGE_BYTES) return INVALID;
  const total = 4 + length;
  const id = uint32(bytes, 4);
  const asked = state.pending.get(id);
  // An answer to what was sent before we looked.
  if (asked === undefined) return total;
  const copied = copiedBytes(ANSWER, total);
  const isReadWhole = asked.apiKey === METADATA || asked.apiKey === FETCH;
  const needed = isReadWhole ? copied : Math.min(copied, PREFIX_BYTES);
  if (bytes.length < needed) return NEED_MORE;
  state.pending.delete(id);
  const { apiKey, version } = asked;
  const isFlexible = version >= KAFKA_APIS[apiKey]!.flexibleFrom;
  const message = newMessage(MessageRole.response, id, apiKey, version);
  const reader = new KafkaReader(bytes, 8, needed, isFlexible);
  // ApiVersions answers keep the old header, since the client does not know yet what the broker can (KIP-511).
  if (apiKey !== API_VERSIONS) reader.tags();
  readResponse(reader, bytes, message, state);
  sink.message(message);
  return total;
}

function recognizeRequest(bytes: Uint8Array, at: number): Recognition {
  if (bytes.length < at + HEADER_BYTES) {
    if (bytes.length >= at + 8 && (KAFKA_APIS[int16At(bytes, at + 4)] === undefined || bytes[at + 6] !== 0))
      return Recognition.no;
    return bytes[at]! <= 0x1f ? Recognition.needMore : Recognition.no;
  }
  if (!isRequestHeader(bytes, at)) return Recognition.no;
  const clientIdLength = int16At(bytes, at + 12);
  const from = at + HEADER_BYTES;
  const end = from + Math.max(0, clientIdLength);
  if (clientIdLength <= 0) {
    // Nothing but numbers: only where the whole message is as short as ApiVersions is, or shows a topic's name.
    return int16At(bytes, at + 4) === API_VERSIONS && uint32(bytes, at) <= 64 ? Recognition.request : Recognition.no;
  }
  if (bytes.length < end) return Recognition.needMore;
  return /^[\x20-\x7e]+$/.test(latin1(bytes, from, end)) ? Recognition.request : Recognition.no;
}

const FRAMING: Framing = {
  headerBytes: 4,
  length: { offset: 0, bytes: 4, bias: 4 },
  maximumBytes: 4 + MAX_MESSAGE_BYTES,
  client: { others: firstBytes(PREFIX_BYTES) },
  server: { others: ANSWER },
};

export const kafka: Protocol<KafkaMessage, KafkaState> = {
  name: "kafka",
  networkProtocolName: "kafka",
  usualPorts: [9092, 9093, 9094, 19092, 29092],
  resyncsAtCallStart: true,
  framing: FRAMING,

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    if (hint.transport !== "tcp") return Recognition.no;
    if (hint.sender !== Sender.server) {
      const verdict = recognizeRequest(bytes, 0);
      if (verdict !== Recognition.no || hint.sender === Sender.client) return verdict;
    }
    // An answer: it may be one, and its request will tell.
    return bytes[0]! <= 0x1f && (bytes.length < 8 || (uint32(bytes, 0) >= 4 && bytes[4]! < 0x80))
      ? Recognition.needMore
      : Recognition.no;
  },

  createState: () => ({ pending: new Map(), topicNames: new Map() }),

  parse(bytes, sender, state, sink): number {
    return sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink);
  },

  findBoundary(bytes, from, sender, state): number {
    if (sender === Sender.client) return recognizeRequest(bytes, from) === Recognition.request ? from : -1;
    if (bytes.length < from + 8) return -1;
    return uint32(bytes, from) <= MAX_MESSAGE_BYTES && state.pending.has(uint32(bytes, from + 4)) ? from : -1;
  },

  resync: () => {},
  carried: (message, key) => message.headers?.get(key),
  describe: describeKafka,
};
