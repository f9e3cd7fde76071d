/**
 * Dubbo 2 (dubbo.apache.org, "Dubbo2 protocol"): a header of 16 bytes with a length, and a body in one of several
 * serializations: Hessian 2, Kryo and Fastjson are read as far as service and method, Hessian 2 as far as the
 * attachments too, where trace context travels. Calls are paired by request id. Heartbeats make no spans.
 *
 * Claims: the magic, a known serialization, a status that fits, and a body that begins as one of that kind. No state.
 */
import { latin1 } from "../../latin1.ts";
import { uint32 } from "../byte-reader.ts";
import { framed, startsWith } from "../framed.ts";
import { INVALID, MessageRole, NEED_MORE, type Protocol, Recognition, type Sender } from "../protocol.ts";
import { carriedProperty, describeRpc, exchangeId, peerOf, type RpcMessage } from "../rpc-span.ts";
import { readDubboRequest, readDubboResponse } from "./body.ts";

const HEADER_BYTES = 16;
const MAX_BODY = 256 * 1024 * 1024;
const READ_BYTES = 16 * 1024;
const MAGIC = [0xda, 0xbb];
const Flag = { request: 0x80, twoWay: 0x40, event: 0x20, serialization: 0x1f } as const;
const STATUSES = new Map([
  [20, "OK"],
  [25, "SERIALIZATION_ERROR"],
  [30, "CLIENT_TIMEOUT"],
  [31, "SERVER_TIMEOUT"],
  [35, "CHANNEL_INACTIVE"],
  [40, "BAD_REQUEST"],
  [50, "BAD_RESPONSE"],
  [60, "SERVICE_NOT_FOUND"],
  [70, "SERVICE_ERROR"],
  [80, "SERVER_ERROR"],
  [90, "CLIENT_ERROR"],
  [100, "SERVER_THREADPOOL_EXHAUSTED_ERROR"],
]);
const OK = 20;

function frameLength(bytes: Uint8Array, at: number): number {
  if (!startsWith(bytes, at, MAGIC)) return INVALID;
  if (bytes.length < at + HEADER_BYTES) return NEED_MORE;
  const flags = bytes[at + 2]!;
  const status = bytes[at + 3]!;
  const isRequest = (flags & Flag.request) !== 0;
  if ((flags & Flag.serialization) === 0 || (isRequest ? status !== 0 : !STATUSES.has(status))) return INVALID;
  const length = uint32(bytes, at + 12);
  return length <= MAX_BODY ? HEADER_BYTES + length : INVALID;
}

function read(bytes: Uint8Array, end: number, sender: Sender): RpcMessage {
  const flags = bytes[2]!;
  const isEvent = (flags & Flag.event) !== 0;
  const serialization = flags & Flag.serialization;
  const high = uint32(bytes, 4);
  const call = high < 0x200000 ? high * 0x1_0000_0000 + uint32(bytes, 8) : `${high}.${uint32(bytes, 8)}`;
  if ((flags & Flag.request) !== 0) {
    const body = isEvent ? undefined : readDubboRequest(bytes, HEADER_BYTES, end, serialization);
    const method = body?.properties.get("method");
    const isGeneric = body !== undefined && (body.method === "$invoke" || body.method === "$invokeAsync");
    return {
      role: (flags & Flag.twoWay) !== 0 ? MessageRole.request : MessageRole.oneWay,
      id: exchangeId(call, sender),
      service: body?.service,
      method: isGeneric ? (method ?? body.method) : body?.method,
      properties: body?.properties,
      isSilent: isEvent,
      ...(body?.version === undefined || body.version === "" || body.version === "0.0.0"
        ? {}
        : { attributes: [["sockspan.dubbo.service_version", body.version]] }),
    };
  }
  const status = bytes[3]!;
  const name = STATUSES.get(status)!;
  const exception = isEvent || status !== OK ? undefined : readDubboResponse(bytes, HEADER_BYTES, end, serialization);
  return {
    role: MessageRole.response,
    id: exchangeId(call, peerOf(sender)),
    status: name,
    errorType: status === OK ? exception : name,
  };
}

export const dubbo: Protocol<RpcMessage, undefined> = {
  name: "dubbo",
  networkProtocolName: "dubbo",
  usualPorts: [20880],
  ...framed({
    transport: "tcp",
    frameLength,
    readBytes: READ_BYTES,
    read,
    classify(bytes) {
      if (bytes.length < HEADER_BYTES) return Recognition.needMore;
      const flags = bytes[2]!;
      // Heartbeats are sent by both ends.
      if ((flags & Flag.event) !== 0) return uint32(bytes, 12) < 64 ? Recognition.needMore : Recognition.no;
      if ((flags & Flag.request) === 0) return Recognition.response;
      if (bytes.length < HEADER_BYTES + 6) return Recognition.needMore;
      // Every serialization writes the protocol's version first: "2.0.2".
      const head = latin1(bytes, HEADER_BYTES, Math.min(bytes.length, HEADER_BYTES + 12));
      return /\d\.\d/.test(head) ? Recognition.request : Recognition.no;
    },
  }),
  createState: () => undefined,
  resync() {},
  carried: carriedProperty,
  describe: (session) => describeRpc(session, "dubbo"),
};
