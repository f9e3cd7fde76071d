/**
 * Oracle Net (TNS) and the calls of its clients (TTC): connecting, logging in, SQL texts, errors. Oracle publishes
 * neither: packets are read by what the open-source drivers agree on. An answer ends with a packet that is not full.
 *
 * Claims: a CONNECT packet with its descriptor, or a data packet with a call whose SQL text has its length before it.
 * State: the call in work and the service's name.
 */
import { latin1 } from "../../latin1.ts";
import { uint16, uint32 } from "../byte-reader.ts";
import { describeDatabase } from "../database-span.ts";
import { agreed } from "../framed.ts";
import {
  INVALID,
  type Message,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  Sender,
} from "../protocol.ts";
import { findError, findSql, readCall } from "./ttc.ts";

interface OracleMessage extends Message {
  /** undefined: a call that makes no span. */
  readonly command: string | undefined;
  readonly text: string | undefined;
  readonly service: string | undefined;
  error: string | undefined;
}

interface OracleState {
  service: string | undefined;
  pending: OracleMessage | undefined;
  response: OracleMessage | undefined;
  /** A full packet: so long are those that others follow. */
  fullBytes: number;
  isClientContinued: boolean;
}

const Packet = {
  connect: 1,
  accept: 2,
  acknowledge: 3,
  refuse: 4,
  redirect: 5,
  data: 6,
  none: 7,
  abort: 9,
  resend: 11,
  marker: 12,
  attention: 13,
  control: 14,
} as const;
const TYPES: ReadonlySet<number> = new Set(Object.values(Packet));
const HEADER_BYTES = 8;
/** Behind the data flags. */
const CALL_AT = 10;
const MAX_PACKET = 2_097_152;
/** So much of a packet is read. */
const READ_BYTES = 8192;
const DEFAULT_SDU = 8192;
const NATIVE_SERVICES = 0xdeadbeef;

/** Two bytes; four since version 315. */
function packetLength(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + HEADER_BYTES) return NEED_MORE;
  const short = uint16(bytes, at);
  const length = short !== 0 ? short : uint32(bytes, at);
  if (length < HEADER_BYTES || length > MAX_PACKET || !TYPES.has(bytes[at + 4]!)) return INVALID;
  // Checksums are never used; flags are few.
  if ((short !== 0 && uint16(bytes, at + 2) !== 0) || uint16(bytes, at + 6) !== 0) return INVALID;
  return length;
}

function newMessage(state: OracleState, role: MessageRole, command: string | undefined, text?: string): OracleMessage {
  return { role, id: undefined, command, text, service: state.service, error: undefined };
}

function parse(bytes: Uint8Array, sender: Sender, state: OracleState, sink: MessageSink<OracleMessage>): number {
  const length = packetLength(bytes, 0);
  if (length === NEED_MORE || length === INVALID) return length;
  const end = Math.min(length, READ_BYTES);
  if (bytes.length < end) return NEED_MORE;
  const type = bytes[4]!;
  if (sender === Sender.client) parseClient(bytes, type, length, end, state, sink);
  else if (type === Packet.data) {
    // The error is at the answer's end.
    if (length > READ_BYTES && length < state.fullBytes && bytes.length < Math.min(length, 65_536)) return NEED_MORE;
    parseAnswer(bytes, length, Math.min(length, bytes.length), state, sink);
  } else parseControl(bytes, type, end, state, sink);
  return length;
}

function parseClient(
  bytes: Uint8Array,
  type: number,
  length: number,
  end: number,
  state: OracleState,
  sink: MessageSink<OracleMessage>,
): void {
  if (type === Packet.connect) {
    state.service = serviceOf(bytes, end) ?? state.service;
    // Asked to send it again.
    if (state.pending !== undefined) return;
    state.pending = newMessage(state, MessageRole.request, "CONNECT");
    sink.message(state.pending);
    return;
  }
  if (type !== Packet.data || length <= CALL_AT) return;
  if (state.pending?.command === "CONNECT") {
    // A long descriptor comes in a packet of its own.
    state.service ??= serviceOf(bytes, end);
    return;
  }
  const wasContinued = state.isClientContinued;
  state.isClientContinued = length >= state.fullBytes;
  if (wasContinued || state.pending !== undefined) return;
  const isNegotiation = uint32(bytes, CALL_AT) === NATIVE_SERVICES;
  const call = isNegotiation ? undefined : readCall(bytes, CALL_AT, end);
  state.response = undefined;
  state.pending = newMessage(state, MessageRole.request, call?.command, call?.text);
  sink.message(state.pending);
}

function serviceOf(bytes: Uint8Array, end: number): string | undefined {
  const text = latin1(bytes, HEADER_BYTES, end);
  return /\((?:SERVICE_NAME|SID)=([\w.$#-]{1,128})\)/i.exec(text)?.[1];
}

/** Answers to CONNECT; markers interrupt, and the answer comes behind them. */
function parseControl(
  bytes: Uint8Array,
  type: number,
  end: number,
  state: OracleState,
  sink: MessageSink<OracleMessage>,
): void {
  if (state.pending?.command !== "CONNECT") return;
  if (type !== Packet.accept && type !== Packet.refuse && type !== Packet.redirect) return;
  const message = newMessage(state, MessageRole.response, "CONNECT");
  if (type === Packet.accept) {
    const isLarge = uint16(bytes, HEADER_BYTES) >= 315 && bytes.length >= 36;
    const size = isLarge ? uint32(bytes, 32) : uint16(bytes, 12);
    state.fullBytes = size >= 512 && size <= MAX_PACKET ? size : DEFAULT_SDU;
  } else if (type === Packet.refuse) {
    const code = /\((?:ERR|CODE)=(\d{1,5})\)/.exec(latin1(bytes, HEADER_BYTES, end))?.[1];
    message.error = code === undefined ? "refused" : `ORA-${code.padStart(5, "0")}`;
  }
  state.pending = undefined;
  sink.message(message);
}

function parseAnswer(
  bytes: Uint8Array,
  length: number,
  end: number,
  state: OracleState,
  sink: MessageSink<OracleMessage>,
): void {
  const { pending } = state;
  if (pending === undefined || pending.command === "CONNECT") return;
  const wasBegun = state.response !== undefined;
  const response = state.response ?? newMessage(state, MessageRole.response, pending.command);
  const isLast = length < state.fullBytes;
  state.response = isLast ? undefined : response;
  if (isLast) {
    state.pending = undefined;
    if (end === length) response.error = findError(bytes, CALL_AT, end);
  }
  if (wasBegun && isLast) sink.end(response);
  else if (!wasBegun && isLast) sink.message(response);
  else if (!wasBegun) sink.begin(response);
}

function classify(bytes: Uint8Array, sender: Sender | undefined): Recognition {
  const length = packetLength(bytes, 0);
  if (length === INVALID) return Recognition.no;
  if (length === NEED_MORE) {
    const isBegun =
      (bytes.length < 5 || TYPES.has(bytes[4]!)) && (bytes.length < 4 || bytes[0] === 0 || uint16(bytes, 2) === 0);
    return isBegun ? Recognition.needMore : Recognition.no;
  }
  const type = bytes[4]!;
  if (type === Packet.connect) {
    if (length < 34 || length > 4096) return Recognition.no;
    if (bytes.length < 34) return Recognition.needMore;
    const version = uint16(bytes, 8);
    const dataLength = uint16(bytes, 24);
    const offset = uint16(bytes, 26);
    if (version < 300 || version > 400 || offset < 26) return Recognition.no;
    if (offset + dataLength > length) return dataLength < 0x8000 ? Recognition.request : Recognition.no;
    if (bytes.length < offset + 2) return Recognition.needMore;
    return bytes[offset] === 0x28 ? Recognition.request : Recognition.no;
  }
  if (type === Packet.accept)
    return acceptOrRefuse(bytes, length >= 24 && uint16(bytes, 8) >= 300 && uint16(bytes, 8) < 400);
  if (type === Packet.refuse) return acceptOrRefuse(bytes, length >= 12 && (bytes[12] ?? 0x28) === 0x28);
  if (type === Packet.resend || type === Packet.marker) return Recognition.needMore;
  if (type !== Packet.data) return Recognition.no;
  if (bytes.length < CALL_AT + 2) return Recognition.needMore;
  const call = bytes[CALL_AT]!;
  if (sender !== Sender.server && (call === 3 || call === 0x11)) {
    const end = Math.min(length, bytes.length, READ_BYTES);
    if (findSql(bytes, CALL_AT + 2, end) !== undefined) return Recognition.request;
    return Recognition.needMore;
  }
  return sender !== Sender.client && call >= 1 && call <= 0x20 ? Recognition.needMore : Recognition.no;
}

function acceptOrRefuse(bytes: Uint8Array, fits: boolean): Recognition {
  if (bytes.length < 13) return Recognition.needMore;
  return fits ? Recognition.response : Recognition.no;
}

export const oracle: Protocol<OracleMessage, OracleState> = {
  name: "oracle",
  networkProtocolName: "tns",
  signsIn: ({ command }) => command === "LOGIN" || command === "AUTHENTICATE",
  usualPorts: [1521, 1522],
  resyncsAtCallStart: true,
  recognize: (bytes, hint) =>
    hint.transport === "tcp" ? agreed(classify(bytes, hint.sender), hint.sender) : Recognition.no,
  createState: () => ({
    service: undefined,
    pending: undefined,
    response: undefined,
    fullBytes: DEFAULT_SDU,
    isClientContinued: false,
  }),
  parse,
  findBoundary(bytes, from, sender) {
    const length = packetLength(bytes, from);
    if (length === INVALID || length === NEED_MORE) return -1;
    const found = classify(bytes.subarray(from), sender);
    return found !== Recognition.no ? from : -1;
  },
  resync(state) {
    state.pending = undefined;
    state.response = undefined;
    state.isClientContinued = false;
  },
  describe(session) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const { command } = request;
    if (command === undefined || command === "AUTHENTICATE" || command === "PING" || command === "LOGOFF")
      return undefined;
    // The end of the rows is told as an error.
    const error = response?.error === "ORA-01403" ? undefined : response?.error;
    return describeDatabase(session, {
      system: "oracle.db",
      namespace: response?.service ?? request.service,
      command,
      text: request.text,
      errorCode: error,
    });
  },
};
