/**
 * DNS (RFC 1035, EDNS RFC 6891) over TCP (RFC 7766), where a length stands before each message. Of a long message the
 * beginning is read. A transfer of a zone (RFC 5936, RFC 1995) is answered by as many messages as it takes: by the first.
 *
 * Claims: one whole, well-formed message: known opcode, sane counts, a first question that parses with a class that
 * exists. Answers are paired by transaction id and name. State: 64 transfers.
 */
import { makeRoom } from "../../../make-room.ts";
import { uint16 } from "../byte-reader.ts";
import {
  INVALID,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  type RecognitionHint,
  Sender,
} from "../protocol.ts";
import { DNS_HEADER_BYTES, type DnsMessage, decodeDns, describeDns, recognizeDns } from "./message.ts";
import { DNS_OPCODES } from "./names.ts";

interface DnsTcpState {
  /** By transaction id. */
  readonly transfers: Map<number, Transfer>;
}

interface Transfer {
  readonly id: DnsMessage["id"];
  isAnswered: boolean;
}

/** IXFR and AXFR. */
const TRANSFERS: ReadonlySet<number> = new Set([251, 252]);
const MAX_TRANSFERS = 64;
/** So much is looked at. Less than is captured of a call, since a longer message never comes whole. */
const PREFIX_BYTES = 2048;

/** At least a header and the root's question, at most what the length field holds. */
function tcpLength(bytes: Uint8Array): number {
  return bytes.length < 2 ? 0 : uint16(bytes, 0);
}

function asked(message: DnsMessage, { transfers }: DnsTcpState): DnsMessage {
  transfers.delete(message.transactionId);
  if (message.opcode !== 0 || !TRANSFERS.has(message.type)) return message;
  makeRoom(transfers, MAX_TRANSFERS);
  transfers.set(message.transactionId, { id: message.id, isAnswered: false });
  return message;
}

/** @returns undefined: one more of a transfer's. Only the first has to repeat the question (RFC 5936, 2.2.1) */
function answerOf(message: DnsMessage, { transfers }: DnsTcpState): DnsMessage | undefined {
  const transfer = transfers.get(message.transactionId);
  if (transfer === undefined) return message;
  if (transfer.isAnswered) return undefined;
  transfer.isAnswered = true;
  return { ...message, id: transfer.id };
}

export const dnsTcp: Protocol<DnsMessage, DnsTcpState> = {
  name: "dns_tcp",
  networkProtocolName: "dns",
  usualPorts: [53],

  recognize(bytes: Uint8Array, hint: RecognitionHint): Recognition {
    if (hint.transport !== "tcp") return Recognition.no;
    const length = tcpLength(bytes);
    if (bytes.length < 2) return Recognition.needMore;
    if (length < DNS_HEADER_BYTES + 5) return Recognition.no;
    if (bytes.length < 2 + DNS_HEADER_BYTES) return Recognition.needMore;
    // One question, as everybody sends it: the counts are proof enough to wait for the rest.
    if (uint16(bytes, 6) !== 1 || DNS_OPCODES[(bytes[4]! >> 3) & 15] === undefined) return Recognition.no;
    if (bytes.length < 2 + length) return length <= 4096 ? Recognition.needMore : Recognition.no;
    return recognizeDns(bytes, 2, 2 + length);
  },
  createState: () => ({ transfers: new Map() }),
  parse(bytes: Uint8Array, _sender: Sender, state: DnsTcpState, sink: MessageSink<DnsMessage>): number {
    const length = tcpLength(bytes);
    if (bytes.length < 2) return NEED_MORE;
    if (length < DNS_HEADER_BYTES) return INVALID;
    const end = 2 + Math.min(length, PREFIX_BYTES);
    if (bytes.length < end) return NEED_MORE;
    const message = decodeDns(bytes, 2, end);
    if (message === undefined) return INVALID;
    const told = message.role === MessageRole.response ? answerOf(message, state) : asked(message, state);
    if (told !== undefined) sink.message(told);
    return 2 + length;
  },
  findBoundary(bytes: Uint8Array, from: number): number {
    for (let at = from; at + 2 + DNS_HEADER_BYTES <= bytes.length; at++) {
      const length = uint16(bytes, at);
      if (length < DNS_HEADER_BYTES + 5 || at + 2 + length > bytes.length) continue;
      const verdict = recognizeDns(bytes, at + 2, at + 2 + length);
      if (verdict === Recognition.request || verdict === Recognition.response) return at;
    }
    return -1;
  },
  resync(state, sender) {
    if (sender === Sender.client) state.transfers.clear();
  },
  describe: describeDns,
};
