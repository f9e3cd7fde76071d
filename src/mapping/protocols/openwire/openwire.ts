/**
 * OpenWire (activemq.apache.org/components/classic/documentation/openwire-version-2-specification), versions 1 to 12,
 * loose and tight encoding, with and without the cache of repeated values. Commands that require a response are paired
 * by command id; all others are one-way. Message bodies are skipped.
 *
 * Claims: a WireFormatInfo with its magic, which both ends send first.
 * State: 1024 destinations by cache index for each direction.
 */

import { latin1 } from "../../latin1.ts";
import type { Attribute } from "../../span.ts";
import { uint32 } from "../byte-reader.ts";
import { framed } from "../framed.ts";
import { describeMessaging } from "../messaging-span.ts";
import { INVALID, type Message, MessageRole, NEED_MORE, type Protocol, Recognition, Sender } from "../protocol.ts";
import { exchangeId, peerOf } from "../rpc-span.ts";
import { isOpenwireMessage, OPENWIRE_COMMANDS, OpenwireType, readOpenwireFields } from "./commands.ts";
import { OpenwireReader, type OpenwireTraits, readWireFormat } from "./reader.ts";

interface OpenwireMessage extends Message {
  readonly type: number;
  readonly destination: string | undefined;
  readonly correlationId: string | undefined;
  readonly errorType: string | undefined;
  readonly errorText: string | undefined;
  readonly properties: ReadonlyMap<string, string>;
}

interface OpenwireState {
  /** What each end offered. */
  readonly offers: [OpenwireTraits | undefined, OpenwireTraits | undefined];
  readonly caches: readonly [Map<number, string>, Map<number, string>];
}

const MAX_FRAME = 256 * 1024 * 1024;
const READ_BYTES = 16 * 1024;
const MAGIC = "ActiveMQ";

function frameLength(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + 5) return bytes[at] !== undefined && bytes[at]! > 0x0f ? INVALID : NEED_MORE;
  const size = uint32(bytes, at);
  return size >= 1 && size <= MAX_FRAME && OPENWIRE_COMMANDS.has(bytes[at + 4]!) ? 4 + size : INVALID;
}

/** A trait holds where both ends offer it. */
function agreedTraits({ offers }: OpenwireState): OpenwireTraits {
  const [client, server] = offers;
  const one = client ?? server;
  const other = server ?? client;
  return {
    // What was lost at the start: the usual.
    isTight: (one?.isTight ?? true) && (other?.isTight ?? true),
    isCached: (one?.isCached ?? true) && (other?.isCached ?? true),
    version: Math.min(one?.version ?? 12, other?.version ?? 12),
  };
}

function read(bytes: Uint8Array, end: number, sender: Sender, state: OpenwireState): OpenwireMessage | undefined {
  const type = bytes[4]!;
  if (type === OpenwireType.wireFormatInfo) {
    state.offers[sender] = readWireFormat(bytes, 5, end);
    return undefined;
  }
  const reader = new OpenwireReader(bytes, 5, end, agreedTraits(state), state.caches[sender]!);
  const commandId = reader.int();
  const isResponseRequired = reader.boolean();
  if (reader.failed) return undefined;
  const fields = readOpenwireFields(type, reader);
  const base = { type, ...fields };
  if (fields.responseTo !== undefined) {
    return { ...base, role: MessageRole.response, id: exchangeId(fields.responseTo, peerOf(sender)) };
  }
  const role = isResponseRequired ? MessageRole.request : MessageRole.oneWay;
  return { ...base, role, id: isResponseRequired ? exchangeId(commandId, sender) : undefined };
}

export const openwire: Protocol<OpenwireMessage, OpenwireState> = {
  name: "openwire",
  networkProtocolName: "openwire",
  usualPorts: [61616],
  ...framed({
    transport: "tcp",
    frameLength,
    readBytes: READ_BYTES,
    read,
    classify(bytes, hint) {
      if (bytes.length < 5) return Recognition.needMore;
      if (bytes[4] !== OpenwireType.wireFormatInfo) return Recognition.no;
      const magic = latin1(bytes, 5, Math.min(bytes.length, 13));
      if (!MAGIC.startsWith(magic)) return Recognition.no;
      if (bytes.length < 17 || uint32(bytes, 13) < 1 || uint32(bytes, 13) > 12) {
        return bytes.length < 17 ? Recognition.needMore : Recognition.no;
      }
      if (hint.sender !== undefined) return hint.sender === Sender.client ? Recognition.request : Recognition.response;
      // Both ends say the same; what follows tells who connects.
      const next = bytes[4 + uint32(bytes, 0) + 4];
      if (next === OpenwireType.connectionInfo) return Recognition.request;
      return next === OpenwireType.brokerInfo ? Recognition.response : Recognition.needMore;
    },
  }),
  /** Commands of known kinds, the last of which ends where the bytes do. */
  findBoundary(bytes, from) {
    let at = from;
    while (at < bytes.length) {
      const length = frameLength(bytes, at);
      if (length <= 0) return -1;
      at += length;
    }
    return at === bytes.length && at > from ? from : -1;
  },
  createState: () => ({ offers: [undefined, undefined], caches: [new Map(), new Map()] }),
  resync(state, sender) {
    state.caches[sender]!.clear();
  },
  carried: (message, key) => message.properties.get(key),
  describe(session, view) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const { type, destination } = request;
    const isMessage = isOpenwireMessage(type);
    const isDelivery = type === OpenwireType.messageDispatch;
    const isAck = type === OpenwireType.messageAck;
    const isError = type === OpenwireType.connectionError;
    if (request.role === MessageRole.oneWay && !isMessage && !isDelivery && !isAck && !isError) return undefined;
    const attributes: Attribute[] = [];
    if (request.correlationId !== undefined) {
      attributes.push(["messaging.message.conversation_id", request.correlationId]);
    }
    return describeMessaging(session, view, {
      system: "activemq",
      operation: isMessage ? "send" : isDelivery ? "deliver" : isAck ? "ack" : OPENWIRE_COMMANDS.get(type)!,
      type: isMessage ? "send" : isDelivery ? "receive" : isAck ? "settle" : undefined,
      destination,
      attributes,
      errorType: response?.errorType ?? request.errorType,
      statusMessage: response?.errorText ?? request.errorText,
    });
  },
};
