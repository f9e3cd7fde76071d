/**
 * DNS (RFC 1035, EDNS RFC 6891) in datagrams, each of which is one message. mDNS and LLMNR (ports 5353 and 5355) are left
 * alone: their answers go to everybody.
 *
 * Claims: one whole, well-formed message: known opcode, sane counts, a first question that parses with a class that
 * exists. No state is kept; answers are paired by transaction id and name.
 */
import {
  INVALID,
  type MessageSink,
  type Protocol,
  Recognition,
  type RecognitionHint,
  type Sender,
} from "../protocol.ts";
import { type DnsMessage, decodeDns, describeDns, recognizeDns } from "./message.ts";

const LOCAL_PORTS = new Set([5353, 5355]);

/** The NetBIOS name service (RFC 1002) writes its names in 32 letters from A to P, and is no DNS. */
function isNetbiosName(bytes: Uint8Array): boolean {
  if (bytes[12] !== 32 || bytes.length < 45) return false;
  for (let i = 13; i < 45; i++) if (bytes[i]! < 0x41 || bytes[i]! > 0x50) return false;
  return true;
}

export const dns: Protocol<DnsMessage, undefined> = {
  name: "dns",
  networkProtocolName: "dns",
  usualPorts: [53],

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    if (hint.transport !== "udp" || LOCAL_PORTS.has(hint.serverPort)) return Recognition.no;
    if (isNetbiosName(bytes)) return Recognition.no;
    return recognizeDns(bytes, 0, bytes.length);
  },
  createState: () => undefined,
  parse(bytes: Uint8Array, _sender: Sender, _state: undefined, sink: MessageSink<DnsMessage>): number {
    const message = decodeDns(bytes, 0, bytes.length);
    if (message === undefined) return INVALID;
    sink.message(message);
    return bytes.length;
  },
  findBoundary: () => -1,
  resync: () => {},
  describe: describeDns,
};
