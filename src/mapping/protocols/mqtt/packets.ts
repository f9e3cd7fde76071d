/** MQTT packets: the fixed header, the properties of version 5, and which packets only MQTT has. */
import { latin1 } from "../../latin1.ts";
import { ByteReader, uint16 } from "../byte-reader.ts";
import { Recognition, Sender } from "../protocol.ts";

export const PacketType = {
  connect: 1,
  connectAcknowledgement: 2,
  publish: 3,
  publishAcknowledgement: 4,
  publishReceived: 5,
  publishRelease: 6,
  publishComplete: 7,
  subscribe: 8,
  subscribeAcknowledgement: 9,
  unsubscribe: 10,
  unsubscribeAcknowledgement: 11,
  pingRequest: 12,
  pingResponse: 13,
  disconnect: 14,
  authentication: 15,
} as const;

/** Flags that each type must have (3.1.1 section 2.2.2); PUBLISH's are free. */
const FLAGS = [-1, 0, 0, -1, 0, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0];

/** @returns remaining length * 8 + length of the header; undefined: not whole; -1: none */
export function fixedHeader(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length < at + 1) return undefined;
  const type = bytes[at]! >> 4;
  if (type === 0 || (type !== PacketType.publish && (bytes[at]! & 15) !== FLAGS[type])) return -1;
  let length = 0;
  for (let i = 1, scale = 1; i <= 4; i++, scale *= 128) {
    if (at + i >= bytes.length) return undefined;
    const byte = bytes[at + i]!;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) return length * 8 + i + 1;
  }
  return -1;
}

/** Lengths of values by property id (5 section 2.2.2.2): -1 a string, -2 a variable length number, -3 two strings. */
const PROPERTY_LENGTHS: ReadonlyMap<number, number> = new Map([
  [0x01, 1],
  [0x02, 4],
  [0x03, -1],
  [0x08, -1],
  [0x09, -1],
  [0x0b, -2],
  [0x11, 4],
  [0x12, -1],
  [0x13, 2],
  [0x15, -1],
  [0x16, -1],
  [0x17, 1],
  [0x18, 4],
  [0x19, 1],
  [0x1a, -1],
  [0x1c, -1],
  [0x1f, -1],
  [0x21, 2],
  [0x22, 2],
  [0x23, 2],
  [0x24, 1],
  [0x25, 1],
  [0x26, -3],
  [0x27, 4],
  [0x28, 1],
  [0x29, 1],
  [0x2a, 1],
]);
const TOPIC_ALIAS = 0x23;

/** @returns the topic alias, if there is one */
export function skipProperties(reader: ByteReader, user?: (key: string, value: string) => void): number | undefined {
  const length = reader.varint();
  const end = reader.position + length;
  let alias: number | undefined;
  while (reader.position < end && !reader.failed) {
    const id = reader.uint8();
    const size = PROPERTY_LENGTHS.get(id);
    if (size === undefined) break;
    if (id === TOPIC_ALIAS) alias = reader.uint16();
    else if (size === -1) reader.skip(reader.uint16());
    else if (size === -2) reader.varint();
    else if (size === -3) {
      const key = reader.utf8(reader.uint16());
      const value = reader.utf8(reader.uint16());
      if (!reader.failed && key.length <= 128 && value.length <= 1024) user?.(key.toLowerCase(), value);
    } else reader.skip(size);
  }
  if (!reader.failed && reader.position < end) reader.skip(end - reader.position);
  return alias;
}

export function recognizeMqtt(bytes: Uint8Array, sender: Sender | undefined): Recognition {
  const header = fixedHeader(bytes, 0);
  if (header === undefined) return Recognition.needMore;
  if (header < 0) return Recognition.no;
  const type = bytes[0]! >> 4;
  const body = header % 8;
  const length = Math.floor(header / 8);
  const isClient = sender !== Sender.server;
  switch (type) {
    case PacketType.connect: {
      if (!isClient || length < 12) return Recognition.no;
      const seen = latin1(bytes, body, Math.min(bytes.length, body + 9));
      const isName = ["\0\x04MQTT", "\0\x06MQIsdp"].some((name) => seen.startsWith(name) || name.startsWith(seen));
      if (!isName) return Recognition.no;
      return seen.length < 9 ? Recognition.needMore : Recognition.request;
    }
    case PacketType.connectAcknowledgement:
      if (sender === Sender.client || length < 2 || length > 4096) return Recognition.no;
      if (bytes.length < body + 2) return Recognition.needMore;
      return bytes[body]! <= 1 && (length > 2 || bytes[body + 1]! <= 5) ? Recognition.needMore : Recognition.no;
    case PacketType.publish:
      return publishPacket(bytes, body, length, sender);
    case PacketType.subscribe:
    case PacketType.unsubscribe:
      return isClient ? subscribePacket(bytes, body, length, type === PacketType.subscribe) : Recognition.no;
    case PacketType.subscribeAcknowledgement:
    case PacketType.unsubscribeAcknowledgement:
      return !isClient || sender === undefined ? waits(length >= 2 && length < 256) : Recognition.no;
    case PacketType.pingRequest:
      return waits(isClient && length === 0);
    case PacketType.pingResponse:
      return waits(sender !== Sender.client && length === 0);
    case PacketType.publishAcknowledgement:
    case PacketType.publishReceived:
    case PacketType.publishRelease:
    case PacketType.publishComplete:
      return waits(length === 2 || length === 3 || length === 4);
    default:
      return Recognition.no;
  }
}

function waits(mayBe: boolean): Recognition {
  return mayBe ? Recognition.needMore : Recognition.no;
}

/** Either end publishes: who did is known from the hint, or from the other direction. */
function publishPacket(bytes: Uint8Array, body: number, length: number, sender: Sender | undefined): Recognition {
  if (((bytes[0]! >> 1) & 3) === 3 || length < 3) return Recognition.no;
  if (bytes.length < body + 2) return Recognition.needMore;
  const topicLength = uint16(bytes, body);
  if (topicLength < 2 || topicLength > 512 || topicLength + 2 > length) return Recognition.no;
  if (bytes.length < body + 2 + topicLength) return Recognition.needMore;
  const topic = latin1(bytes, body + 2, body + 2 + topicLength);
  if (!/^[\x21-\x7e][\x20-\x7e]*$/.test(topic) || /[#+]/.test(topic)) return Recognition.no;
  return sender === Sender.server ? Recognition.response : Recognition.request;
}

/** Filters with their options must fill the packet to its last byte. */
function subscribePacket(bytes: Uint8Array, body: number, length: number, hasOptions: boolean): Recognition {
  if (length < 5 || length > 4096) return Recognition.no;
  if (bytes.length < body + length) return Recognition.needMore;
  for (const isFive of [false, true]) {
    const reader = new ByteReader(bytes, body + 2, body + length);
    if (isFive) skipProperties(reader);
    let isFine = true;
    while (reader.remaining > 0 && isFine) {
      const filter = reader.latin1(reader.uint16());
      const options = hasOptions ? reader.uint8() : 0;
      isFine = !reader.failed && filter.length > 0 && /^[\x20-\xff]+$/.test(filter) && options <= 0x2e;
    }
    if (isFine && !reader.failed) return Recognition.request;
  }
  return Recognition.no;
}
