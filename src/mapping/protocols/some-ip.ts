/**
 * SOME/IP (AUTOSAR FO R23-11, "SOME/IP Protocol Specification", section 4.1): a header of 16 bytes and a payload, over
 * UDP and TCP. Calls are paired by service, method, client and session. Service discovery (0xffff) makes no spans.
 *
 * Claims: over UDP a length that is exactly the datagram's (or that of a chain of messages in it), protocol version 1,
 * a known message type and return code. Over TCP the same without the datagram's length, hence weak. No state.
 */
import { uint16, uint32 } from "./byte-reader.ts";
import { framed } from "./framed.ts";
import { INVALID, MessageRole, NEED_MORE, type Protocol, Recognition, type Sender } from "./protocol.ts";
import { describeRpc, exchangeId, peerOf, type RpcMessage } from "./rpc-span.ts";

const HEADER_BYTES = 16;
const MAX_LENGTH = 16 * 1024 * 1024;
const DISCOVERY = 0xffff;
/** 0x20 is the flag of a segment (SOME/IP-TP). */
const SEGMENT = 0x20;
const Type = { request: 0, requestNoReturn: 1, notification: 2, response: 0x80, error: 0x81 } as const;
const TYPES: ReadonlySet<number> = new Set(Object.values(Type));
const RETURN_CODES = [
  "E_OK",
  "E_NOT_OK",
  "E_UNKNOWN_SERVICE",
  "E_UNKNOWN_METHOD",
  "E_NOT_READY",
  "E_NOT_REACHABLE",
  "E_TIMEOUT",
  "E_WRONG_PROTOCOL_VERSION",
  "E_WRONG_INTERFACE_VERSION",
  "E_MALFORMED_MESSAGE",
  "E_WRONG_MESSAGE_TYPE",
];

function frameLength(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + HEADER_BYTES) return NEED_MORE;
  const length = uint32(bytes, at + 4);
  if (length < 8 || length > MAX_LENGTH || bytes[at + 12] !== 1) return INVALID;
  const type = bytes[at + 14]! & ~SEGMENT;
  const code = bytes[at + 15]!;
  if (!TYPES.has(type) || (type < 0x80 ? code !== 0 : code > 0x5e)) return INVALID;
  return 8 + length;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(4, "0")}`;
}

function read(bytes: Uint8Array, _end: number, sender: Sender): RpcMessage | undefined {
  const service = uint16(bytes, 0);
  const type = bytes[14]! & ~SEGMENT;
  // The first segment of several stands for the message.
  if ((bytes[14]! & SEGMENT) !== 0 && (uint32(bytes, 16) & 0xfffffff0) !== 0) return undefined;
  const method = uint16(bytes, 2);
  const call = `${service}.${method}.${uint16(bytes, 8)}.${uint16(bytes, 10)}`;
  if (type >= 0x80) {
    const code = bytes[15]!;
    const name = RETURN_CODES[code] ?? String(code);
    const hasFailed = code !== 0 || type === Type.error;
    return {
      role: MessageRole.response,
      id: exchangeId(call, peerOf(sender)),
      status: name,
      errorType: hasFailed ? (code === 0 ? "ERROR" : name) : undefined,
    };
  }
  return {
    role: type === Type.request ? MessageRole.request : MessageRole.oneWay,
    id: exchangeId(call, sender),
    service: hex(service),
    method: hex(method),
    isSilent: service === DISCOVERY,
    attributes: [["sockspan.some_ip.interface_version", bytes[13]!]],
  };
}

function classify(bytes: Uint8Array): Recognition {
  if (bytes.length < HEADER_BYTES) return Recognition.needMore;
  const type = bytes[14]! & ~SEGMENT;
  if (uint16(bytes, 0) === DISCOVERY && uint16(bytes, 2) !== 0x8100) return Recognition.no;
  // Notifications come from the server.
  return type === Type.request || type === Type.requestNoReturn ? Recognition.request : Recognition.response;
}

const common = {
  networkProtocolName: "some/ip",
  usualPorts: [30490, 30501, 30506, 30509],
  createState: () => undefined,
  resync() {},
  describe: (session: Parameters<typeof describeRpc>[0]) => describeRpc(session, "some_ip"),
};

export const someIp: Protocol<RpcMessage, undefined> = {
  name: "some_ip",
  ...common,
  ...framed({
    transport: "udp",
    frameLength,
    readBytes: 20,
    read: (bytes, _end, sender) => read(bytes, bytes.length, sender),
    classify(bytes) {
      let at = 0;
      while (at < bytes.length) {
        const length = frameLength(bytes, at);
        if (length <= 0) return Recognition.no;
        at += length;
      }
      return at === bytes.length ? classify(bytes) : Recognition.no;
    },
  }),
};

export const someIpTcp: Protocol<RpcMessage, undefined> = {
  name: "some_ip_tcp",
  ...common,
  isWeak: true,
  ...framed({ transport: "tcp", frameLength, readBytes: 20, read, classify }),
};
