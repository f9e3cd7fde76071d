/**
 * Tars (tarscloud.github.io, "Tars protocol"): a length of four bytes and a RequestPacket or ResponsePacket in Tars's
 * tagged encoding. Calls are paired by iRequestId. Versions 2 and 3 (TUP) answer with a RequestPacket.
 *
 * Claims: the first five fields with the right tags, types and values, then the servant's name or the response's
 * buffer. No state.
 */
import { latin1 } from "../../latin1.ts";
import { uint32 } from "../byte-reader.ts";
import { framed } from "../framed.ts";
import { INVALID, MessageRole, NEED_MORE, type Protocol, Recognition, Sender } from "../protocol.ts";
import { carriedProperty, describeRpc, exchangeId, peerOf, type RpcMessage } from "../rpc-span.ts";
import { TarsReader } from "./reader.ts";

const MAX_PACKET = 128 * 1024 * 1024;
const ONE_WAY = 1;
const RETURN_CODES = new Map([
  [0, "SERVERSUCCESS"],
  [-1, "SERVERDECODEERR"],
  [-2, "SERVERENCODEERR"],
  [-3, "SERVERNOFUNCERR"],
  [-4, "SERVERNOSERVANTERR"],
  [-5, "SERVERRESETGRID"],
  [-6, "SERVERQUEUETIMEOUT"],
  [-7, "INVOKETIMEOUT"],
  [-8, "PROXYCONNECTERR"],
  [-9, "SERVEROVERLOAD"],
  [-10, "ADAPTERNULL"],
  [-11, "INVOKEBYINVALIDESET"],
  [-12, "CLIENTDECODEERR"],
  [-13, "SENDREQUESTERR"],
  [-99, "SERVERUNKNOWNERR"],
]);

function frameLength(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + 5) return bytes.length > at && bytes[at]! > 8 ? INVALID : NEED_MORE;
  const length = uint32(bytes, at);
  // Tag 1, an int of one byte: the version.
  return length >= 12 && length <= MAX_PACKET && bytes[at + 4] === 0x10 ? length : INVALID;
}

function read(bytes: Uint8Array, end: number, sender: Sender): RpcMessage | undefined {
  const reader = new TarsReader(bytes, 4, end);
  const version = reader.integer(1);
  const third = [reader.integer(2), reader.integer(3), reader.integer(4)] as const;
  const isRequestPacket = reader.nextIsText(5);
  if (reader.failed) return undefined;
  // ResponsePacket has the request id before the message type.
  if (!isRequestPacket) {
    const code = reader.integer(5);
    const name = RETURN_CODES.get(code) ?? String(code);
    return {
      role: MessageRole.response,
      id: exchangeId(third[1], peerOf(sender)),
      status: name,
      errorType: code === 0 ? undefined : name,
    };
  }
  const id = third[2];
  if (version !== 1 && sender === Sender.server) {
    return { role: MessageRole.response, id: exchangeId(id, Sender.client) };
  }
  const service = reader.text(5);
  const method = reader.text(6);
  reader.skipBuffer(7);
  reader.integer(8);
  const properties = reader.map(9);
  for (const [key, value] of reader.map(10)) properties.set(key, value);
  return {
    role: third[0] === ONE_WAY ? MessageRole.oneWay : MessageRole.request,
    id: exchangeId(id, sender),
    service,
    method,
    properties,
    isSilent: method === "tars_ping" && third[0] === ONE_WAY,
  };
}

/** Bytes of the integer with that tag; 0 where another field stands, NaN where the input ends. */
function integerBytes(bytes: Uint8Array, at: number, tag: number): number {
  const head = bytes[at];
  if (head === undefined) return Number.NaN;
  if (head >> 4 !== tag) return 0;
  return [2, 3, 5][head & 15] ?? ((head & 15) === 12 ? 1 : 0);
}

function classify(bytes: Uint8Array): Recognition {
  const version = bytes[5];
  if (version !== undefined && !(version >= 1 && version <= 3)) return Recognition.no;
  let at = 6;
  for (let tag = 2; tag <= 4; tag++) {
    const count = integerBytes(bytes, at, tag);
    if (count === 0) return Recognition.no;
    // The packet type is 0 or 1.
    if (tag === 2 && (count > 2 || (count === 2 && (bytes[at + 1] ?? 1) !== 1))) return Recognition.no;
    if (!(at + count < bytes.length)) return Recognition.needMore;
    at += count;
  }
  if (bytes[at] === 0x56) {
    const length = bytes[at + 1];
    if (length === undefined) return Recognition.needMore;
    const end = at + 2 + length;
    if (length < 3 || !/^[\w.]*$/.test(latin1(bytes, at + 2, Math.min(end, bytes.length)))) return Recognition.no;
    return bytes.length < end ? Recognition.needMore : Recognition.request;
  }
  const code = integerBytes(bytes, at, 5);
  if (code === 0) return Recognition.no;
  if (!(at + code + 1 < bytes.length)) return Recognition.needMore;
  return bytes[at + code] === 0x6d && bytes[at + code + 1] === 0 ? Recognition.response : Recognition.no;
}

export const tars: Protocol<RpcMessage, undefined> = {
  name: "tars",
  networkProtocolName: "tars",
  usualPorts: [],
  ...framed({ transport: "tcp", frameLength, readBytes: 8192, read, classify }),
  createState: () => undefined,
  resync() {},
  carried: carriedProperty,
  describe: (session) => describeRpc(session, "tars"),
};
