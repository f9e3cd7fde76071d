/**
 * Apache Thrift (thrift.apache.org, doc/specs: thrift-rpc, binary and compact protocol; fbthrift's THeader): framed
 * with the strict binary or the compact protocol, and THeader around either. Messages are paired by sequence number.
 * The unframed transport has no lengths: it is read by walking the struct, up to 64 KiB.
 *
 * Claims: a version mark, a message type and a name of letters. No state.
 */
import { uint16, uint32 } from "../byte-reader.ts";
import { framed } from "../framed.ts";
import { INVALID, MessageRole, NEED_MORE, type Protocol, Recognition, type Sender } from "../protocol.ts";
import { carriedProperty, describeRpc, exchangeId, peerOf, type RpcMessage } from "../rpc-span.ts";
import {
  binaryStructEnd,
  compactEnvelope,
  headerEnvelope,
  strictEnvelope,
  type ThriftEnvelope,
  ThriftType,
} from "./wire.ts";

const MAX_FRAME = 256 * 1024 * 1024;
const MAX_UNFRAMED = 65_536;
const READ_BYTES = 4096;

function isUnframed(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x80 && (bytes[at + 1] ?? 1) === 1;
}

function frameLength(bytes: Uint8Array, at: number): number {
  if (isUnframed(bytes, at)) {
    const envelope = strictEnvelope(bytes, at);
    if (envelope === INVALID || envelope === NEED_MORE) return envelope;
    const end = binaryStructEnd(bytes, envelope.end);
    return end === NEED_MORE
      ? bytes.length - at > MAX_UNFRAMED
        ? INVALID
        : NEED_MORE
      : end === INVALID
        ? INVALID
        : end - at;
  }
  if (bytes.length < at + 6) return bytes[at] !== undefined && bytes[at]! > 0x0f ? INVALID : NEED_MORE;
  const length = uint32(bytes, at);
  const first = bytes[at + 4]!;
  const second = bytes[at + 5]!;
  const isKnown =
    (first === 0x80 && second === 1) ||
    (first === 0x82 && (second & 0x1f) === 1) ||
    (first === 0x0f && second === 0xff);
  return isKnown && length >= 8 && length <= MAX_FRAME ? 4 + length : INVALID;
}

function envelopeOf(bytes: Uint8Array, end: number): ThriftEnvelope | typeof INVALID | typeof NEED_MORE {
  const view = bytes.subarray(0, end);
  if (isUnframed(view, 0)) return strictEnvelope(view, 0);
  if (view[4] === 0x82) return compactEnvelope(view, 4);
  return view[4] === 0x0f ? headerEnvelope(view, 4) : strictEnvelope(view, 4);
}

function read(bytes: Uint8Array, end: number, sender: Sender): RpcMessage | undefined {
  const envelope = envelopeOf(bytes, end);
  if (envelope === INVALID || envelope === NEED_MORE) return undefined;
  const { type, name, sequence, properties } = envelope;
  if (type === ThriftType.call || type === ThriftType.oneWay) {
    return {
      role: type === ThriftType.call ? MessageRole.request : MessageRole.oneWay,
      id: exchangeId(sequence, sender),
      method: name,
      properties,
    };
  }
  const isDeclared = type === ThriftType.reply && hasDeclaredException(bytes, envelope, end);
  return {
    role: MessageRole.response,
    id: exchangeId(sequence, peerOf(sender)),
    errorType: type === ThriftType.exception ? "TApplicationException" : isDeclared ? "exception" : undefined,
  };
}

/** The result struct has its value in field 0, and an exception that the method declares in another. */
function hasDeclaredException(bytes: Uint8Array, { end: at, isCompact }: ThriftEnvelope, end: number): boolean {
  if (at + 3 > end) return false;
  if (isCompact) return bytes[at]! >> 4 > 0;
  return bytes[at] === 12 && uint16(bytes, at + 1) > 0;
}

export const thrift: Protocol<RpcMessage, undefined> = {
  name: "thrift",
  networkProtocolName: "thrift",
  usualPorts: [9090],
  ...framed({
    transport: "tcp",
    frameLength,
    readBytes: READ_BYTES,
    read,
    classify(bytes) {
      const envelope = envelopeOf(bytes, bytes.length);
      if (envelope === INVALID) return Recognition.no;
      if (envelope === NEED_MORE) return Recognition.needMore;
      const isCall = envelope.type === ThriftType.call || envelope.type === ThriftType.oneWay;
      return isCall ? Recognition.request : Recognition.response;
    },
  }),
  createState: () => undefined,
  resync() {},
  carried: carriedProperty,
  describe: (session) => describeRpc(session, "thrift"),
};
