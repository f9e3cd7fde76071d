/**
 * KRPC (github.com/bruceran/krpc): `KR`, the meta's size, the size of all that follows, a KrpcMeta in Protocol
 * Buffers, the body. Services and messages are numbers; calls are paired by sequence.
 *
 * Claims: the magic, sizes that fit, and a meta that begins with its direction and a service id. No state.
 */
import { utf8 } from "../latin1.ts";
import { uint16, uint32 } from "./byte-reader.ts";
import { framed, startsWith } from "./framed.ts";
import { protobufFields } from "./protobuf-fields.ts";
import { INVALID, MessageRole, NEED_MORE, type Protocol, Recognition, type Sender } from "./protocol.ts";
import { carriedProperty, describeRpc, exchangeId, peerOf, type RpcMessage } from "./rpc-span.ts";

const HEADER_BYTES = 8;
const MAX_BODY = 256 * 1024 * 1024;
const MAGIC = [0x4b, 0x52];
/** Service 1 is the framework's own: heartbeats and the like. */
const HEARTBEAT_SERVICE = 1;

function frameLength(bytes: Uint8Array, at: number): number {
  if (!startsWith(bytes, at, MAGIC)) return INVALID;
  if (bytes.length < at + HEADER_BYTES) return NEED_MORE;
  const meta = uint16(bytes, at + 2);
  const body = uint32(bytes, at + 4);
  return meta >= 2 && meta <= body && body <= MAX_BODY ? HEADER_BYTES + body : INVALID;
}

function read(bytes: Uint8Array, end: number, sender: Sender): RpcMessage | undefined {
  const fields = protobufFields(bytes, HEADER_BYTES, Math.min(end, HEADER_BYTES + uint16(bytes, 2)));
  if (fields === undefined) return undefined;
  const number = (wanted: number): number =>
    fields.find((field) => field.number === wanted && field.wireType === 0)?.value ?? 0;
  // An int32 below zero is a varint of 64 bits.
  const code = number(6) >= 2 ** 31 ? Number(BigInt.asIntN(32, BigInt(number(6)))) : number(6);
  const isRequest = number(1) === 1;
  if (!isRequest && number(1) !== 2) return undefined;
  const id = exchangeId(number(4), isRequest ? sender : peerOf(sender));
  if (!isRequest) {
    return {
      role: MessageRole.response,
      id,
      status: String(code),
      errorType: code === 0 ? undefined : String(code),
    };
  }
  const properties = new Map<string, string>();
  const trace = fields.find((field) => field.number === 7 && field.wireType === 2);
  for (const field of trace === undefined ? [] : (protobufFields(bytes, trace.start, trace.end) ?? [])) {
    if (field.number === 2)
      properties.set("x-b3-traceid", utf8(bytes, field.start, Math.min(field.end, field.start + 64)));
    if (field.number === 4)
      properties.set("x-b3-spanid", utf8(bytes, field.start, Math.min(field.end, field.start + 64)));
  }
  return {
    role: MessageRole.request,
    id,
    service: String(number(2)),
    method: String(number(3)),
    properties,
    isSilent: number(2) === HEARTBEAT_SERVICE,
  };
}

export const krpc: Protocol<RpcMessage, undefined> = {
  name: "krpc",
  networkProtocolName: "krpc",
  usualPorts: [],
  ...framed({
    transport: "tcp",
    frameLength,
    readBytes: 2048,
    read,
    classify(bytes) {
      if (bytes.length < HEADER_BYTES + 3) return Recognition.needMore;
      const direction = bytes[HEADER_BYTES + 1];
      if (bytes[HEADER_BYTES] !== 0x08 || bytes[HEADER_BYTES + 2] !== 0x10) return Recognition.no;
      return direction === 1 ? Recognition.request : direction === 2 ? Recognition.response : Recognition.no;
    },
  }),
  createState: () => undefined,
  resync() {},
  carried: carriedProperty,
  describe: (session) => describeRpc(session, "krpc"),
};
