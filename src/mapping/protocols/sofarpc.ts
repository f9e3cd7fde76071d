/**
 * SOFARPC over Bolt, versions 1 and 2 (github.com/sofastack/sofa-bolt, RpcProtocol and RpcProtocolV2): a command
 * header, the class name, a header of key and value texts, the content. Calls are paired by request id.
 *
 * Claims: protocol code, type, command code and version that agree, a class name of letters. No state.
 */
import { latin1, utf8 } from "../latin1.ts";
import { uint16, uint32 } from "./byte-reader.ts";
import { framed } from "./framed.ts";
import { INVALID, MessageRole, NEED_MORE, type Protocol, Recognition, type Sender } from "./protocol.ts";
import { carriedProperty, describeRpc, exchangeId, peerOf, type RpcMessage } from "./rpc-span.ts";

const MAX_CONTENT = 256 * 1024 * 1024;
const READ_BYTES = 4096;
const STATUSES = new Map([
  [0, "SUCCESS"],
  [1, "ERROR"],
  [2, "SERVER_EXCEPTION"],
  [3, "UNKNOWN"],
  [4, "SERVER_THREADPOOL_BUSY"],
  [5, "ERROR_COMM"],
  [6, "NO_PROCESSOR"],
  [7, "TIMEOUT"],
  [8, "CLIENT_SEND_ERROR"],
  [9, "CODEC_EXCEPTION"],
  [16, "CONNECTION_CLOSED"],
  [17, "SERVER_SERIAL_EXCEPTION"],
  [18, "SERVER_DESERIAL_EXCEPTION"],
]);
const Type = { response: 0, request: 1, oneWay: 2 } as const;
const Command = { heartbeat: 0, request: 1, response: 2 } as const;

/** Where the parts of the command lie. Version 2 has its own version behind the protocol code, and a switch byte. */
function layout(
  bytes: Uint8Array,
  at: number,
): { type: number; lengths: number; headerBytes: number; crcBytes: number } {
  const shift = bytes[at] === 2 ? 1 : 0;
  const type = bytes[at + 1 + shift]!;
  // Behind the codec (and the switch): a response's status of two bytes, or a request's timeout of four.
  const lengths = 10 + 2 * shift + (type === Type.response ? 2 : 4);
  return { type, lengths, headerBytes: lengths + 8, crcBytes: shift === 1 && (bytes[at + 11]! & 1) === 1 ? 4 : 0 };
}

function fits(bytes: Uint8Array, at: number): boolean {
  const code = bytes[at];
  const shift = code === 2 ? 1 : 0;
  const byte = (index: number, isValid: (value: number) => boolean): boolean => {
    const value = bytes[at + index];
    return value === undefined || isValid(value);
  };
  const type = bytes[at + 1 + shift];
  return (
    (code === 1 || (code === 2 && byte(1, (value) => value === 1 || value === 2))) &&
    byte(1 + shift, (value) => value <= 2) &&
    byte(2 + shift, (value) => value === 0) &&
    byte(
      3 + shift,
      (value) => value === Command.heartbeat || (value === Command.response) === (type === Type.response),
    ) &&
    byte(3 + shift, (value) => value <= 2) &&
    byte(4 + shift, (value) => value === 1) &&
    byte(9 + shift, (value) => value <= 12)
  );
}

function frameLength(bytes: Uint8Array, at: number): number {
  if (!fits(bytes, at)) return INVALID;
  if (bytes.length < at + 24) {
    const short = layout(bytes, at);
    if (bytes.length < at + 12 || bytes.length < at + short.headerBytes) return NEED_MORE;
  }
  const { lengths, headerBytes, crcBytes } = layout(bytes, at);
  const content = uint32(bytes, at + lengths + 4);
  if (content > MAX_CONTENT) return INVALID;
  return headerBytes + uint16(bytes, at + lengths) + uint16(bytes, at + lengths + 2) + content + crcBytes;
}

function read(bytes: Uint8Array, end: number, sender: Sender): RpcMessage {
  const { type, lengths, headerBytes } = layout(bytes, 0);
  const shift = bytes[0] === 2 ? 1 : 0;
  const call = uint32(bytes, 5 + shift);
  const isHeartbeat = bytes[3 + shift] === Command.heartbeat;
  const classEnd = headerBytes + uint16(bytes, lengths);
  const contentStart = classEnd + uint16(bytes, lengths + 2);
  if (type === Type.response) {
    const status = uint16(bytes, lengths - 2);
    const name = STATUSES.get(status) ?? String(status);
    const hasFailed = status === 0 && isErrorResponse(bytes, contentStart, end);
    return {
      role: MessageRole.response,
      id: exchangeId(call, peerOf(sender)),
      status: name,
      errorType: status !== 0 ? name : hasFailed ? "SOFA_RESPONSE_ERROR" : undefined,
    };
  }
  const properties = readProperties(bytes, classEnd, Math.min(contentStart, end));
  const trace = /tcid=([^&]*)&spid=([^&]*)/.exec(properties.get("new_rpc_trace_context") ?? "");
  if (trace !== null) {
    properties.set("sofatraceid", trace[1]!);
    properties.set("sofarpcid", trace[2]!);
  }
  return {
    role: type === Type.oneWay ? MessageRole.oneWay : MessageRole.request,
    id: exchangeId(call, sender),
    service: properties.get("sofa_head_target_service") ?? properties.get("service"),
    method: properties.get("sofa_head_method_name"),
    properties,
    isSilent: isHeartbeat,
  };
}

function readProperties(bytes: Uint8Array, from: number, to: number): Map<string, string> {
  const properties = new Map<string, string>();
  let at = from;
  const text = (): string | undefined => {
    if (at + 4 > to) return undefined;
    const length = uint32(bytes, at);
    // A null text has the length -1.
    const end = at + 4 + (length === 0xffffffff ? 0 : length);
    if (end > to) return undefined;
    const result = utf8(bytes, at + 4, end);
    at = end;
    return result;
  };
  while (properties.size < 64) {
    const key = text();
    const value = key === undefined ? undefined : text();
    if (key === undefined || value === undefined) break;
    properties.set(key.toLowerCase(), value);
  }
  return properties;
}

/** Hessian: a SofaResponse whose first field, isError, is true. */
function isErrorResponse(bytes: Uint8Array, from: number, end: number): boolean {
  if (from >= end) return false;
  const text = latin1(bytes, from, Math.min(end, from + 256));
  const fields = text.indexOf("isError");
  // Behind the last field's name stands the instance: `o`, the number of its class, the values.
  const instance = text.indexOf("responsePropso");
  return fields >= 0 && fields < instance && text[instance + 15] === "T";
}

export const sofarpc: Protocol<RpcMessage, undefined> = {
  name: "sofarpc",
  networkProtocolName: "bolt",
  usualPorts: [12200],
  ...framed({
    transport: "tcp",
    frameLength,
    readBytes: READ_BYTES,
    read,
    classify(bytes) {
      if (bytes.length < 24) return Recognition.needMore;
      const { type, lengths, headerBytes } = layout(bytes, 0);
      const classLength = uint16(bytes, lengths);
      // Heartbeats have none, and are no proof.
      if (classLength === 0) {
        return uint16(bytes, lengths + 2) + uint32(bytes, lengths + 4) === 0 ? Recognition.needMore : Recognition.no;
      }
      const end = headerBytes + classLength;
      if (!/^[\w.$]+$/.test(latin1(bytes, headerBytes, Math.min(end, bytes.length)) || "-")) return Recognition.no;
      if (bytes.length < end) return Recognition.needMore;
      return type === Type.response ? Recognition.response : Recognition.request;
    },
  }),
  createState: () => undefined,
  resync() {},
  carried: carriedProperty,
  describe: (session) => describeRpc(session, "sofarpc"),
};
