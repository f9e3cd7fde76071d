/**
 * bRPC's own protocol, baidu_std (brpc.apache.org/docs/rpc-in-depth/baidu_std): `PRPC`, the body's size, the meta's
 * size, an RpcMeta in Protocol Buffers, the payload. Calls are paired by correlation_id. Frames of streams (`STRM`)
 * behind a call are skipped.
 *
 * Claims: the magic, sizes that fit, and a meta whose first field is a request or a response. No state.
 */
import { utf8 } from "../latin1.ts";
import { uint32 } from "./byte-reader.ts";
import { framed, startsWith } from "./framed.ts";
import { type ProtobufField, protobufFields } from "./protobuf-fields.ts";
import { INVALID, MessageRole, NEED_MORE, type Protocol, Recognition, type Sender } from "./protocol.ts";
import { carriedProperty, describeRpc, exchangeId, peerOf, type RpcMessage } from "./rpc-span.ts";

const HEADER_BYTES = 12;
const MAX_BODY = 512 * 1024 * 1024;
const MAX_META = 64 * 1024;
const READ_BYTES = 4096;
const PRPC = [0x50, 0x52, 0x50, 0x43];
const STRM = [0x53, 0x54, 0x52, 0x4d];
/** src/brpc/errno.proto: the ones that a caller meets. */
const ERRORS = new Map([
  [1001, "ENOSERVICE"],
  [1002, "ENOMETHOD"],
  [1003, "EREQUEST"],
  [1004, "ERPCAUTH"],
  [1005, "ETOOMANYFAILS"],
  [1007, "EBACKUPREQUEST"],
  [1008, "ERPCTIMEDOUT"],
  [1009, "EFAILEDSOCKET"],
  [1010, "EHTTP"],
  [1011, "EOVERCROWDED"],
  [2001, "EINTERNAL"],
  [2002, "ERESPONSE"],
  [2003, "ELOGOFF"],
  [2004, "ELIMIT"],
]);

function frameLength(bytes: Uint8Array, at: number): number {
  if (!startsWith(bytes, at, PRPC) && !startsWith(bytes, at, STRM)) return INVALID;
  if (bytes.length < at + HEADER_BYTES) return NEED_MORE;
  const body = uint32(bytes, at + 4);
  const meta = uint32(bytes, at + 8);
  return body <= MAX_BODY && meta <= MAX_META && meta <= body ? HEADER_BYTES + body : INVALID;
}

function read(bytes: Uint8Array, end: number, sender: Sender): RpcMessage | undefined {
  if (bytes[0] !== PRPC[0]) return undefined;
  const fields = protobufFields(bytes, HEADER_BYTES, Math.min(end, HEADER_BYTES + uint32(bytes, 8)));
  const correlation = fields?.find(({ number }) => number === 4);
  if (fields === undefined || correlation === undefined) return undefined;
  const call = Number.isSafeInteger(correlation.value)
    ? correlation.value
    : String.fromCharCode(...bytes.subarray(correlation.start, correlation.end));
  const inner = (number: number): ProtobufField[] | undefined => {
    const field = fields.find((candidate) => candidate.number === number && candidate.wireType === 2);
    return field === undefined ? undefined : protobufFields(bytes, field.start, field.end);
  };
  const text = (from: readonly ProtobufField[], number: number): string | undefined => {
    const field = from.find((candidate) => candidate.number === number && candidate.wireType === 2);
    return field === undefined ? undefined : utf8(bytes, field.start, Math.min(field.end, field.start + 256));
  };
  const asked = inner(1);
  if (asked !== undefined) {
    const properties = new Map<string, string>();
    const requestId = text(asked, 7);
    if (requestId !== undefined) properties.set("x-request-id", requestId);
    for (const field of fields) {
      if (field.number !== 9 || properties.size > 32) continue;
      const pair = protobufFields(bytes, field.start, field.end) ?? [];
      const key = text(pair, 1);
      const value = text(pair, 2);
      if (key !== undefined && value !== undefined) properties.set(key.toLowerCase(), value);
    }
    return {
      role: MessageRole.request,
      id: exchangeId(call, sender),
      service: text(asked, 1),
      method: text(asked, 2),
      properties,
    };
  }
  const answer = inner(2) ?? [];
  const code = answer.find(({ number }) => number === 1)?.value ?? 0;
  const name = ERRORS.get(code) ?? String(code);
  return {
    role: MessageRole.response,
    id: exchangeId(call, peerOf(sender)),
    status: code === 0 ? "0" : name,
    errorType: code === 0 ? undefined : name,
    statusMessage: text(answer, 2),
  };
}

export const brpc: Protocol<RpcMessage, undefined> = {
  name: "brpc",
  networkProtocolName: "baidu_std",
  usualPorts: [],
  ...framed({
    transport: "tcp",
    frameLength,
    readBytes: READ_BYTES,
    read,
    classify(bytes) {
      if (!startsWith(bytes, 0, PRPC)) return Recognition.no;
      if (bytes.length <= HEADER_BYTES) return Recognition.needMore;
      const first = bytes[HEADER_BYTES]!;
      // The fields come in the order of their numbers: request (1), else response (2).
      return first === 0x0a ? Recognition.request : first === 0x12 ? Recognition.response : Recognition.no;
    },
  }),
  createState: () => undefined,
  resync() {},
  carried: carriedProperty,
  describe: (session) => describeRpc(session, "brpc"),
};
