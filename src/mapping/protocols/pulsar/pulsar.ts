/**
 * Pulsar's binary protocol (pulsar.apache.org/docs/developing-binary-protocol, PulsarApi.proto): the frame's size, the
 * command's size, a BaseCommand, and behind SEND and MESSAGE the message's metadata and payload, which is skipped.
 * Calls are paired by request id; SEND by producer and sequence. CONNECT and PING are answered in order.
 *
 * Claims: sizes that fit and a command whose type is the number of the field behind it.
 * State: topics of 1024 producers and 1024 consumers.
 */
import { setBounded } from "../../../make-room.ts";
import type { Attribute } from "../../span.ts";
import { uint32 } from "../byte-reader.ts";
import { framed } from "../framed.ts";
import { describeMessaging } from "../messaging-span.ts";
import { INVALID, type Message, MessageRole, NEED_MORE, type Protocol, Recognition, Sender } from "../protocol.ts";
import { COMMANDS, Command, PULSAR_ERRORS } from "./commands.ts";
import { type PulsarFields, readCommand, readMetadata } from "./reader.ts";

interface PulsarMessage extends Message {
  readonly type: number;
  readonly topic: string | undefined;
  readonly subscription: string | undefined;
  readonly batchSize: number | undefined;
  readonly messageId: string | undefined;
  readonly errorCode: number | undefined;
  readonly errorText: string | undefined;
  readonly properties: ReadonlyMap<string, string>;
}

interface PulsarState {
  readonly producers: Map<number, string>;
  readonly consumers: Map<number, { readonly topic: string; readonly subscription: string | undefined }>;
}

const PREFIX_BYTES = 8;
const MAX_FRAME = 128 * 1024 * 1024;
const MAX_COMMAND = 4 * 1024 * 1024;
const READ_BYTES = 8192;
const MAX_TOPICS = 1024;

function frameLength(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + PREFIX_BYTES) return bytes[at] !== undefined && bytes[at]! > 7 ? INVALID : NEED_MORE;
  const total = uint32(bytes, at);
  const command = uint32(bytes, at + 4);
  return command >= 4 && command <= MAX_COMMAND && command + 4 <= total && total <= MAX_FRAME ? 4 + total : INVALID;
}

function read(bytes: Uint8Array, end: number, sender: Sender, state: PulsarState): PulsarMessage | undefined {
  const commandEnd = PREFIX_BYTES + uint32(bytes, 4);
  const fields = readCommand(bytes, PREFIX_BYTES, Math.min(end, commandEnd));
  const command = fields === undefined ? undefined : COMMANDS.get(fields.type);
  if (fields === undefined || command === undefined) return undefined;
  const { type } = fields;
  const producer = command.producerField === undefined ? undefined : fields.number(command.producerField);
  const consumer = command.consumerField === undefined ? undefined : fields.number(command.consumerField);
  let topic = command.topicField === undefined ? undefined : fields.text(command.topicField);
  let subscription = type === Command.subscribe ? fields.text(2) : undefined;
  if (type === Command.producer && topic !== undefined) setBounded(state.producers, producer ?? 0, topic, MAX_TOPICS);
  if (type === Command.subscribe && topic !== undefined) {
    setBounded(state.consumers, consumer ?? 0, { topic, subscription }, MAX_TOPICS);
  }
  if (topic === undefined && producer !== undefined) topic = state.producers.get(producer);
  if (topic === undefined && consumer !== undefined) {
    topic = state.consumers.get(consumer)?.topic;
    subscription = state.consumers.get(consumer)?.subscription;
  }
  if (type === Command.closeProducer && producer !== undefined) state.producers.delete(producer);
  const isData = type === Command.send || type === Command.message;
  const metadata = isData ? readMetadata(bytes, commandEnd, end) : undefined;
  const errorCode = command.errorField === undefined ? undefined : fields.number(command.errorField);
  const { role, id } = pairing(fields, sender, producer);
  return {
    role,
    id,
    type,
    topic,
    subscription,
    batchSize: (type === Command.send ? fields.number(3) : undefined) ?? metadata?.batchSize,
    messageId: command.messageIdField === undefined ? undefined : fields.messageId(command.messageIdField),
    errorCode,
    errorText: errorCode === undefined ? undefined : fields.text(command.errorField! + 1),
    properties: metadata?.properties ?? new Map(),
  };
}

function pairing(
  fields: PulsarFields,
  sender: Sender,
  producer: number | undefined,
): { role: MessageRole; id: number | string | undefined } {
  const { type } = fields;
  const command = COMMANDS.get(type)!;
  if (type === Command.send || type === Command.sendReceipt || type === Command.sendError) {
    const role = type === Command.send ? MessageRole.request : MessageRole.response;
    return { role, id: `p${producer ?? 0}.${fields.digits(2)}` };
  }
  if (command.role === "ordered") {
    const isAnswer = type === Command.connected || type === Command.pong;
    // Both ends ping.
    const asker = (sender === Sender.client) === isAnswer ? "s" : "c";
    const kind = type === Command.connect || type === Command.connected ? "connect" : "ping";
    return { role: isAnswer ? MessageRole.response : MessageRole.request, id: `${kind}.${asker}` };
  }
  if (command.role === "oneWay" || command.requestField === undefined)
    return { role: MessageRole.oneWay, id: undefined };
  const id = fields.digits(command.requestField);
  // An ACK is only answered where it asks to be; a broker that closes a consumer awaits no answer.
  if (id === undefined && type === Command.ack) return { role: MessageRole.oneWay, id: undefined };
  const isResponse = command.role === "response";
  if (!isResponse && sender === Sender.server) return { role: MessageRole.oneWay, id: undefined };
  return { role: isResponse ? MessageRole.response : MessageRole.request, id: `r${id ?? "0"}` };
}

export const pulsar: Protocol<PulsarMessage, PulsarState> = {
  name: "pulsar",
  networkProtocolName: "pulsar",
  usualPorts: [6650],
  ...framed({
    transport: "tcp",
    frameLength,
    readBytes: READ_BYTES,
    read,
    classify(bytes) {
      if (bytes.length < PREFIX_BYTES + 2) return Recognition.needMore;
      const type = bytes[PREFIX_BYTES + 1]!;
      const command = COMMANDS.get(type);
      if (bytes[PREFIX_BYTES] !== 0x08 || command === undefined) return Recognition.no;
      // The command's field has the number of its type, and holds a message.
      const key = type * 8 + 2;
      const wanted = key < 128 ? [key] : [(key & 0x7f) | 0x80, key >> 7];
      for (let i = 0; i < wanted.length; i++) {
        const byte = bytes[PREFIX_BYTES + 2 + i];
        if (byte === undefined) return Recognition.needMore;
        if (byte !== wanted[i]) return Recognition.no;
      }
      if (type === Command.ping || type === Command.pong || type === Command.closeConsumer) return Recognition.needMore;
      return command.isServers ? Recognition.response : Recognition.request;
    },
  }),
  createState: () => ({ producers: new Map(), consumers: new Map() }),
  resync() {},
  carried: (message, key) => message.properties.get(key),
  describe(session, view) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const command = COMMANDS.get(request.type)!;
    if (command.isSilent) return undefined;
    const attributes: Attribute[] = [];
    if (request.subscription !== undefined) {
      attributes.push(["messaging.destination.subscription.name", request.subscription]);
    }
    if (request.batchSize !== undefined && request.batchSize > 1) {
      attributes.push(["messaging.batch.message_count", request.batchSize]);
    }
    const messageId = request.messageId ?? response?.messageId;
    if (messageId !== undefined) attributes.push(["messaging.message.id", messageId]);
    const code = response?.errorCode;
    const error = code === undefined ? undefined : (PULSAR_ERRORS[code] ?? String(code));
    return describeMessaging(session, view, {
      system: "pulsar",
      operation: command.name,
      type: command.operationType,
      destination: request.topic,
      attributes,
      errorType: error,
      statusMessage: response?.errorText,
    });
  },
};
