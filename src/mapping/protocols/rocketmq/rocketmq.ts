/**
 * RocketMQ's remoting protocol (rocketmq.apache.org, RemotingCommand): a length, the header's serialization and
 * length, the header in JSON or in RocketMQ's own form, the body. Calls are paired by opaque.
 *
 * Claims: lengths that fit and a header with code, opaque and flag. No state.
 */
import type { Attribute } from "../../span.ts";
import { uint32 } from "../byte-reader.ts";
import { framed } from "../framed.ts";
import { describeMessaging } from "../messaging-span.ts";
import { INVALID, type Message, MessageRole, NEED_MORE, type Protocol, Recognition, type Sender } from "../protocol.ts";
import { exchangeId, peerOf } from "../rpc-span.ts";
import { rocketmqRequestName, rocketmqResponseName } from "./codes.ts";
import { type RocketmqHeader, readRocketmqHeader, rocketmqHeaderFits } from "./header.ts";

interface RocketmqMessage extends Message {
  readonly code: number;
  readonly remark: string | undefined;
  readonly fields: ReadonlyMap<string, string>;
  /** Of the message that is sent; keys in lower case. */
  readonly properties: ReadonlyMap<string, string>;
}

const PREFIX_BYTES = 8;
const MAX_FRAME = 64 * 1024 * 1024;
const MAX_HEADER = 64 * 1024;
const Flag = { response: 1, oneWay: 2 } as const;
const HEARTBEAT = 34;
const NONE: ReadonlyMap<string, string> = new Map();
/** Answers to a pull that say that there is nothing, or to look elsewhere: no failures. */
const REGULAR = new Set([0, 19, 20, 21, 22, 209]);

function frameLength(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + PREFIX_BYTES) return bytes[at] !== undefined && bytes[at]! > 3 ? INVALID : NEED_MORE;
  const length = uint32(bytes, at);
  const header = uint32(bytes, at + 4) & 0xffffff;
  if (length > MAX_FRAME || bytes[at + 4]! > 1 || header < 20 || header > MAX_HEADER) return INVALID;
  return header + 4 <= length ? 4 + length : INVALID;
}

function read(bytes: Uint8Array, end: number, sender: Sender): RocketmqMessage | undefined {
  const headerEnd = PREFIX_BYTES + (uint32(bytes, 4) & 0xffffff);
  const header = headerEnd <= end ? readRocketmqHeader(bytes, headerEnd) : undefined;
  if (header === undefined) return undefined;
  const isResponse = (header.flag & Flag.response) !== 0;
  const isOneWay = (header.flag & Flag.oneWay) !== 0;
  return {
    role: isResponse ? MessageRole.response : isOneWay ? MessageRole.oneWay : MessageRole.request,
    id: exchangeId(header.opaque, isResponse ? peerOf(sender) : sender),
    code: header.code,
    remark: header.remark,
    fields: header.fields,
    properties: isResponse ? NONE : messageProperties(header),
  };
}

/** `key SOH value STX` of SEND_MESSAGE, whose second version has short names. */
function messageProperties({ fields }: RocketmqHeader): ReadonlyMap<string, string> {
  const text = fields.get("properties") ?? fields.get("i");
  if (text === undefined) return NONE;
  const properties = new Map<string, string>();
  for (const pair of text.split("\u0002", 64)) {
    const separator = pair.indexOf("\u0001");
    if (separator > 0) properties.set(pair.slice(0, separator).toLowerCase(), pair.slice(separator + 1));
  }
  return properties;
}

export const rocketmq: Protocol<RocketmqMessage, undefined> = {
  name: "rocketmq",
  networkProtocolName: "rocketmq",
  usualPorts: [10911, 9876, 10909],
  ...framed({
    transport: "tcp",
    frameLength,
    readBytes: PREFIX_BYTES + MAX_HEADER,
    read,
    classify(bytes) {
      const headerEnd = PREFIX_BYTES + (uint32(bytes, 4) & 0xffffff);
      if (bytes.length < PREFIX_BYTES || !rocketmqHeaderFits(bytes, headerEnd)) {
        return bytes.length < PREFIX_BYTES ? Recognition.needMore : Recognition.no;
      }
      if (bytes.length < headerEnd) return Recognition.needMore;
      const header = readRocketmqHeader(bytes, headerEnd);
      if (header === undefined) return Recognition.no;
      return (header.flag & Flag.response) !== 0 ? Recognition.response : Recognition.request;
    },
  }),
  createState: () => undefined,
  resync() {},
  carried: (message, key) => message.properties.get(key) ?? message.fields.get(key),
  describe(session, view) {
    const { request, response } = session;
    if (request === undefined || request.code === HEARTBEAT) return undefined;
    const { fields, properties } = request;
    const name = rocketmqRequestName(request.code);
    const isSend = name.startsWith("SEND_");
    const isV2 = request.code === 310 || request.code === 320;
    const destination = isV2 ? fields.get("b") : fields.get("topic");
    const group = fields.get("consumerGroup");
    const queue = isV2 ? fields.get("e") : fields.get("queueId");
    const attributes: Attribute[] = [];
    if (queue !== undefined) attributes.push(["messaging.destination.partition.id", queue]);
    if (group !== undefined) attributes.push(["messaging.consumer.group.name", group]);
    const producerGroup = isV2 ? fields.get("a") : fields.get("producerGroup");
    if (producerGroup !== undefined) attributes.push(["sockspan.rocketmq.producer_group", producerGroup]);
    const id = properties.get("uniq_key") ?? response?.fields.get("msgId");
    if (isSend && id !== undefined) attributes.push(["messaging.message.id", id]);
    const tag = properties.get("tags");
    if (tag !== undefined) attributes.push(["messaging.rocketmq.message.tag", tag]);
    const keys = properties.get("keys");
    if (keys !== undefined) attributes.push(["messaging.rocketmq.message.keys", keys.split(" ").slice(0, 16)]);
    const status = response === undefined ? undefined : rocketmqResponseName(response.code);
    const hasFailed = response !== undefined && !REGULAR.has(response.code);
    const isPull = name.startsWith("PULL_") || name.startsWith("POP_") || name === "LITE_PULL_MESSAGE";
    return describeMessaging(session, view, {
      system: "rocketmq",
      operation: name,
      type: isSend ? "send" : isPull ? "receive" : name === "UPDATE_CONSUMER_OFFSET" ? "settle" : undefined,
      destination,
      attributes,
      status,
      errorType: hasFailed ? status : undefined,
      statusMessage: hasFailed ? response.remark : undefined,
    });
  },
};
