/**
 * The PROXY protocol (haproxy.org/download/1.8/doc/proxy-protocol.txt, versions 1 and 2): a head that a load balancer
 * writes before the bytes of the connection that it passes on. It is stepped over: what it stands before is told by
 * its own protocol, and no span is made of the head.
 *
 * Claims: `PROXY TCP4`, `TCP6` or `UNKNOWN`, or the signature of version 2. No state.
 */
import { latin1 } from "../latin1.ts";
import { uint16 } from "./byte-reader.ts";
import {
  INVALID,
  type Message,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  type RecognitionHint,
  Sender,
  UPGRADE_TO_ANY,
} from "./protocol.ts";

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const HEAD_BYTES = 16;
/** Version 1, with its line's end. */
const MAX_LINE = 107;
const LINE = /^PROXY (?:TCP[46](?: [0-9A-Fa-f.:]{2,45}){2}(?: \d{1,5}){2}|UNKNOWN[^\r\n]*)\r\n/;
const BEGINNINGS = ["PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN"];

/** @returns the head's length, NEED_MORE or INVALID */
function headLength(bytes: Uint8Array): number {
  if (bytes[0] === 0x50) return lineLength(latin1(bytes, 0, Math.min(bytes.length, MAX_LINE)));
  if (!SIGNATURE.startsWith(latin1(bytes, 0, Math.min(bytes.length, SIGNATURE.length)))) return INVALID;
  if (bytes.length < HEAD_BYTES) return NEED_MORE;
  // Version 2 and a command: LOCAL or PROXY.
  return (bytes[12]! & 0xfe) === 0x20 ? HEAD_BYTES + uint16(bytes, 14) : INVALID;
}

function lineLength(text: string): number {
  if (!BEGINNINGS.some((beginning) => beginning.startsWith(text) || text.startsWith(beginning))) return INVALID;
  if (!text.includes("\n")) return text.length < MAX_LINE ? NEED_MORE : INVALID;
  return LINE.exec(text)?.[0].length ?? INVALID;
}

export const proxyProtocol: Protocol<Message, undefined> = {
  name: "proxy_protocol",
  networkProtocolName: "proxy",
  usualPorts: [],

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    // It is the very first that is sent, and its receiver says nothing before it has it.
    if (hint.transport !== "tcp" || hint.sender === Sender.server) return Recognition.no;
    const length = headLength(bytes);
    return length > 0 ? Recognition.request : length === NEED_MORE ? Recognition.needMore : Recognition.no;
  },

  createState: () => undefined,

  parse(bytes: Uint8Array, sender: Sender, _state: undefined, sink: MessageSink<Message>): number {
    const length = sender === Sender.client ? headLength(bytes) : INVALID;
    if (length > 0) sink.upgrade(UPGRADE_TO_ANY);
    return length;
  },

  findBoundary: () => -1,
  resync: () => {},
  describe: () => undefined,
};
