/**
 * MQTT 3.1, 3.1.1 and 5 (OASIS): publishing in both directions and all qualities of service, subscriptions, logins.
 *
 * Claims: CONNECT with the protocol's name; in mid-connection a SUBSCRIBE or PUBLISH whose parts add up and whose
 * topic is printable. Bound of the state: MAX_ALIASES topic aliases for each direction.
 */
import { type Attribute, SpanKind } from "../../span.ts";
import { ByteReader } from "../byte-reader.ts";
import { nameWithDestination } from "../destination.ts";
import { missingResponse } from "../failure.ts";
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
  type Session,
  type SpanFields,
  type SpanView,
} from "../protocol.ts";
import { fixedHeader, PacketType, recognizeMqtt, skipProperties } from "./packets.ts";

interface MqttMessage extends Message {
  readonly type: number;
  readonly sender: Sender;
  /** Of PUBLISH, or the filters of SUBSCRIBE and UNSUBSCRIBE. */
  topic: string | undefined;
  quality: number;
  clientId: string | undefined;
  packetId: number | undefined;
  bodySize: number | undefined;
  reasonCode: number;
  /** User properties (version 5). */
  properties: Map<string, string> | undefined;
  version: number | undefined;
}

interface MqttState {
  version: number | undefined;
  clientId: string | undefined;
  readonly aliases: readonly [Map<number, string>, Map<number, string>];
}

const MAX_ALIASES = 256;
const MAX_TOPIC = 512;
const PREFIX_BYTES = 4096;
/** CONNECT has none: one at a time. */
const CONNECT_ID = "connect";
const NAMES: ReadonlyMap<number, string> = new Map([
  [PacketType.connect, "connect"],
  [PacketType.publish, "publish"],
  [PacketType.subscribe, "subscribe"],
  [PacketType.unsubscribe, "unsubscribe"],
]);
/** CONNACK of version 3 (3.1.1 section 3.2.2.3). */
const OLD_CONNECT_ERRORS = [
  "",
  "unacceptable_protocol_version",
  "identifier_rejected",
  "server_unavailable",
  "bad_user_name_or_password",
  "not_authorized",
];

function newMessage(role: MessageRole, id: string | undefined, type: number, sender: Sender): MqttMessage {
  return {
    role,
    id,
    type,
    sender,
    topic: undefined,
    quality: 0,
    clientId: undefined,
    packetId: undefined,
    bodySize: undefined,
    reasonCode: 0,
    properties: undefined,
    version: undefined,
  };
}

function parse(bytes: Uint8Array, sender: Sender, state: MqttState, sink: MessageSink<MqttMessage>): number {
  const header = fixedHeader(bytes, 0);
  if (header === undefined) return NEED_MORE;
  if (header < 0) return INVALID;
  const type = bytes[0]! >> 4;
  const body = header % 8;
  const total = body + Math.floor(header / 8);
  const needed = Math.min(total, PREFIX_BYTES);
  if (bytes.length < needed) return NEED_MORE;
  const reader = new ByteReader(bytes, body, needed);
  const other = sender === Sender.client ? "s" : "c";
  const own = sender === Sender.client ? "c" : "s";
  switch (type) {
    case PacketType.connect:
      sink.message(connect(reader, newMessage(MessageRole.request, CONNECT_ID, type, sender), state));
      return total;
    case PacketType.connectAcknowledgement: {
      const message = newMessage(MessageRole.response, CONNECT_ID, type, sender);
      reader.skip(1);
      message.reasonCode = reader.uint8();
      sink.message(message);
      return total;
    }
    case PacketType.publish:
      return publish(bytes, reader, total, own, sender, state, sink);
    case PacketType.publishAcknowledgement:
    case PacketType.publishComplete:
    case PacketType.publishReceived: {
      const message = newMessage(MessageRole.response, `${other}p${reader.uint16()}`, type, sender);
      message.reasonCode = reader.remaining > 0 ? reader.uint8() : 0;
      // QoS 2: the first answer only ends it when it refuses.
      if (type !== PacketType.publishReceived || message.reasonCode >= 0x80) sink.message(message);
      return total;
    }
    case PacketType.subscribe:
    case PacketType.unsubscribe: {
      const packetId = reader.uint16();
      const message = newMessage(MessageRole.request, `${own}s${packetId}`, type, sender);
      message.packetId = packetId;
      message.topic = topicFilters(bytes, reader.position, needed, type === PacketType.subscribe, state.version);
      sink.message(ofClient(message, state));
      return total;
    }
    case PacketType.subscribeAcknowledgement:
    case PacketType.unsubscribeAcknowledgement: {
      const message = newMessage(MessageRole.response, `${other}s${reader.uint16()}`, type, sender);
      if (state.version === 5) skipProperties(reader);
      while (reader.remaining > 0) message.reasonCode = Math.max(message.reasonCode, reader.uint8());
      sink.message(message);
      return total;
    }
    default:
      return total;
  }
}

function connect(reader: ByteReader, message: MqttMessage, state: MqttState): MqttMessage {
  reader.skip(reader.uint16());
  state.version = reader.uint8();
  reader.skip(3);
  if (state.version === 5) skipProperties(reader);
  state.clientId = reader.utf8(reader.uint16()) || undefined;
  return ofClient(message, state);
}

function ofClient(message: MqttMessage, { clientId, version }: MqttState): MqttMessage {
  message.clientId = clientId;
  message.version = version;
  return message;
}

/** All of a packet, as one text. While the version is not known, the reading that fills the packet counts. */
function topicFilters(
  bytes: Uint8Array,
  from: number,
  end: number,
  hasOptions: boolean,
  version: number | undefined,
): string | undefined {
  for (const isFive of version === undefined ? [false, true] : [version === 5]) {
    const reader = new ByteReader(bytes, from, end);
    if (isFive) skipProperties(reader);
    const filters: string[] = [];
    while (reader.remaining > 0 && !reader.failed) {
      const filter = reader.utf8(reader.uint16());
      if (hasOptions) reader.skip(1);
      if (!reader.failed && filter !== "") filters.push(filter);
      else if (version === undefined) filters.length = 0;
      if (filter === "" && version === undefined) break;
    }
    if (filters.length > 0 && (version !== undefined || !reader.failed)) return filters.join(",").slice(0, MAX_TOPIC);
  }
  return undefined;
}

function publish(
  bytes: Uint8Array,
  reader: ByteReader,
  total: number,
  own: string,
  sender: Sender,
  state: MqttState,
  sink: MessageSink<MqttMessage>,
): number {
  const quality = (bytes[0]! >> 1) & 3;
  if (quality === 3) return INVALID;
  const topicLength = reader.uint16();
  let topic = reader.utf8(topicLength).slice(0, MAX_TOPIC);
  const packetId = quality > 0 ? reader.uint16() : undefined;
  if (reader.failed) return INVALID;
  const id = packetId === undefined ? undefined : `${own}p${packetId}`;
  const message = newMessage(quality === 0 ? MessageRole.oneWay : MessageRole.request, id, PacketType.publish, sender);
  if (state.version === 5) {
    const alias = skipProperties(reader, (key, value) => {
      message.properties ??= new Map();
      if (message.properties.size < 16) message.properties.set(key, value);
    });
    const aliases = state.aliases[sender];
    if (alias !== undefined && topic === "") topic = aliases.get(alias) ?? "";
    else if (alias !== undefined && aliases.size < MAX_ALIASES) aliases.set(alias, topic);
  }
  message.topic = topic === "" ? undefined : topic;
  message.quality = quality;
  message.packetId = packetId;
  message.clientId = state.clientId;
  message.version = state.version;
  // Only who knows the version knows whether properties come first.
  if (!reader.failed && state.version !== undefined) message.bodySize = total - reader.position;
  sink.message(message);
  return total;
}

function errorOf(request: MqttMessage, response: MqttMessage | undefined): string | undefined {
  const code = response?.reasonCode ?? 0;
  if (request.type === PacketType.connect && request.version !== 5 && code > 0)
    return OLD_CONNECT_ERRORS[code] ?? String(code);
  return code >= 0x80 ? `0x${code.toString(16)}` : undefined;
}

export const mqtt: Protocol<MqttMessage, MqttState> = {
  name: "mqtt",
  networkProtocolName: "mqtt",
  usualPorts: [1883],
  resyncsAtCallStart: true,

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    return hint.transport === "tcp" ? recognizeMqtt(bytes, hint.sender) : Recognition.no;
  },

  createState: () => ({ version: undefined, clientId: undefined, aliases: [new Map(), new Map()] }),
  parse,

  findBoundary(bytes, from, sender): number {
    const verdict = recognizeMqtt(bytes.subarray(from), sender);
    if (verdict === Recognition.request || verdict === Recognition.response) return from;
    const header = fixedHeader(bytes, from);
    // Acknowledgements are as long as they are, and nothing else.
    const type = bytes[from]! >> 4;
    const isShort =
      type === PacketType.connectAcknowledgement
        ? sender === Sender.server && verdict === Recognition.needMore
        : type >= PacketType.publishAcknowledgement && type <= PacketType.pingResponse;
    return isShort &&
      header !== undefined &&
      header >= 0 &&
      from + (header % 8) + Math.floor(header / 8) === bytes.length
      ? from
      : -1;
  },

  resync(state, sender): void {
    state.aliases[sender].clear();
  },

  carried: (message, key) => message.properties?.get(key),

  describe(session: Session<MqttMessage>, view: SpanView): SpanFields | undefined {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const isPublish = request.type === PacketType.publish;
    const isDelivery = isPublish && request.sender === Sender.server;
    const operation = isDelivery ? "deliver" : (NAMES.get(request.type) ?? "unknown");
    const attributes: Attribute[] = [
      ["messaging.system", "mqtt"],
      ["messaging.operation.name", operation],
    ];
    if (isPublish) attributes.push(["messaging.operation.type", isDelivery ? "receive" : "send"]);
    if (request.topic !== undefined) attributes.push(["messaging.destination.name", request.topic]);
    if (request.clientId !== undefined) attributes.push(["messaging.client.id", request.clientId]);
    if (request.bodySize !== undefined) attributes.push(["messaging.message.body.size", request.bodySize]);
    if (isPublish) attributes.push(["messaging.mqtt.qos", request.quality]);
    if (request.packetId !== undefined) attributes.push(["messaging.mqtt.packet_id", request.packetId]);
    if (request.version !== undefined) {
      attributes.push([
        "network.protocol.version",
        request.version === 5 ? "5" : request.version === 3 ? "3.1" : "3.1.1",
      ]);
    }
    const errorType = errorOf(request, response) ?? missingResponse(session);
    if (errorType !== undefined) attributes.push(["error.type", errorType]);
    const isClient = view.kind === SpanKind.client;
    const kind = isPublish && isClient ? (isDelivery ? SpanKind.consumer : SpanKind.producer) : undefined;
    const topic = isPublish ? request.topic : undefined;
    return {
      name: topic === undefined ? operation : nameWithDestination(attributes, operation, topic),
      ...(kind === undefined ? {} : { kind }),
      attributes,
      isError: errorType !== undefined,
    };
  },
};
