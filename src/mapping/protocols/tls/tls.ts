/**
 * TLS 1.0 to 1.3 (RFC 8446, RFC 5246): the handshake is one exchange, from the ClientHello to the first record that
 * the server sends under the agreed keys. Behind it the connection is opaque.
 *
 * Claims: a handshake record that holds a ClientHello or a ServerHello. State: up to 64 KiB of unfinished handshake
 * messages for each direction, until the handshake is over.
 */
import { uint16 } from "../byte-reader.ts";
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
import { certificateValidity, type Validity } from "./certificate.ts";
import { HandshakeBuffer, HandshakeType } from "./handshake.ts";
import { readHello, type TlsHello } from "./hello.ts";
import { describeTls } from "./span.ts";

export interface TlsMessage extends Message {
  readonly hello: TlsHello | undefined;
  /** A fatal alert of either end. */
  alert: number | undefined;
  validity: Validity | undefined;
  /** undefined: it may have been lost. */
  hasCertificate: boolean | undefined;
}

interface TlsState {
  readonly buffers: readonly [HandshakeBuffer, HandshakeBuffer];
  request: TlsMessage | undefined;
  response: TlsMessage | undefined;
  /** The server's next record is under the agreed keys. */
  hasServerChangedCipher: boolean;
  hasClientChangedCipher: boolean;
  /** Records of the server were lost. */
  isTorn: boolean;
}

const RECORD_HEADER = 5;
/** RFC 5246 section 6.2.3, with what ciphers add. */
const MAX_RECORD = 16_384 + 2048;
const Content = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;
const FATAL = 2;
/** No protocol of ours: the rest of the connection is nobody's. */
const OPAQUE = "tls_records";

function parseRecord(bytes: Uint8Array, sender: Sender, state: TlsState, sink: MessageSink<TlsMessage>): number {
  if (bytes.length < RECORD_HEADER) return NEED_MORE;
  const type = bytes[0]!;
  const length = uint16(bytes, 3);
  if (type < Content.changeCipherSpec || type > Content.applicationData || bytes[1] !== 3 || length > MAX_RECORD) {
    return INVALID;
  }
  const total = RECORD_HEADER + length;
  const hasChanged = sender === Sender.client ? state.hasClientChangedCipher : state.hasServerChangedCipher;
  if (type === Content.applicationData || hasChanged) {
    if (sender === Sender.client) return total;
    finish(state, sink);
    return Math.max(total, bytes.length);
  }
  if (type === Content.changeCipherSpec) {
    // TLS 1.3 sends it for the sake of middleboxes only, and what comes then is application data.
    if (sender === Sender.client) state.hasClientChangedCipher = true;
    else if (state.response !== undefined) state.hasServerChangedCipher = true;
    return total;
  }
  if (bytes.length < total) return NEED_MORE;
  if (type === Content.alert) {
    if (length === 2 && bytes[5] === FATAL) takeAlert(bytes[6]!, sender, state, sink);
    return total;
  }
  const buffer = state.buffers[sender]!;
  buffer.push(bytes.subarray(RECORD_HEADER, total));
  for (let message = buffer.next(); message !== undefined; message = buffer.next()) {
    if (sender === Sender.client) takeClient(message.type, message.body, state, sink);
    else takeServer(message.type, message.body, state, sink);
  }
  return total;
}

function newMessage(role: MessageRole, hello: TlsHello | undefined, alert: number | undefined): TlsMessage {
  return { role, id: undefined, hello, alert, validity: undefined, hasCertificate: undefined };
}

function takeClient(type: number, body: Uint8Array, state: TlsState, sink: MessageSink<TlsMessage>): void {
  // A second hello answers the server's retry.
  if (type !== HandshakeType.clientHello || state.request !== undefined) return;
  const hello = readHello(body, 0, body.length, true);
  if (hello === undefined) return;
  state.request = newMessage(MessageRole.request, hello, undefined);
  sink.message(state.request);
}

function takeServer(type: number, body: Uint8Array, state: TlsState, sink: MessageSink<TlsMessage>): void {
  if (type === HandshakeType.serverHello && state.response === undefined) {
    const hello = readHello(body, 0, body.length, false);
    if (hello === undefined || hello.isRetry) return;
    state.response = newMessage(MessageRole.response, hello, undefined);
    sink.begin(state.response);
  } else if (type === HandshakeType.certificate && state.response !== undefined) {
    state.response.hasCertificate = true;
    // The list's length, then the first certificate's.
    const length = body.length < 6 ? 0 : body[3]! * 65_536 + uint16(body, 4);
    state.response.validity = certificateValidity(body, 6, Math.min(body.length, 6 + length));
  }
}

function takeAlert(alert: number, sender: Sender, state: TlsState, sink: MessageSink<TlsMessage>): void {
  const target = state.response ?? state.request;
  if (sender === Sender.client) {
    if (target !== undefined) target.alert ??= alert;
    return;
  }
  if (state.response === undefined) {
    state.response = newMessage(MessageRole.response, undefined, alert);
    sink.message(state.response);
  } else {
    state.response.alert ??= alert;
    sink.end(state.response);
  }
  sink.upgrade(OPAQUE);
}

function finish(state: TlsState, sink: MessageSink<TlsMessage>): void {
  const { response } = state;
  if (response !== undefined) {
    if (!state.isTorn) response.hasCertificate ??= false;
    sink.end(response);
  }
  sink.upgrade(OPAQUE);
}

function classify(bytes: Uint8Array): Recognition {
  const type = bytes[0];
  const fits = (at: number, isValid: (byte: number) => boolean): boolean => {
    const byte = bytes[at];
    return byte === undefined || isValid(byte);
  };
  if (!fits(1, (byte) => byte === 3) || !fits(2, (byte) => byte <= 4)) return Recognition.no;
  // The answer to a hello may be an alert.
  if (type === Content.alert) {
    const isAlert = fits(3, (byte) => byte === 0) && fits(4, (byte) => byte === 2) && fits(5, (byte) => byte <= 2);
    return isAlert && bytes.length <= 7 ? Recognition.needMore : Recognition.no;
  }
  if (type !== Content.handshake) return Recognition.no;
  if (!fits(3, (byte) => byte <= 0x40) || !fits(5, (byte) => byte === 1 || byte === 2)) return Recognition.no;
  if (!fits(6, (byte) => byte === 0) || !fits(9, (byte) => byte === 3) || !fits(10, (byte) => byte <= 4)) {
    return Recognition.no;
  }
  if (bytes.length < 11) return Recognition.needMore;
  if (uint16(bytes, 7) < 38) return Recognition.no;
  return bytes[5] === HandshakeType.clientHello ? Recognition.request : Recognition.response;
}

export const tls: Protocol<TlsMessage, TlsState> = {
  name: "tls",
  networkProtocolName: "tls",
  usualPorts: [443, 8443, 6443],
  isSetup: true,
  resyncsAtCallStart: true,

  recognize: (bytes, hint) => (hint.transport === "tcp" ? agreed(classify(bytes), hint.sender) : Recognition.no),

  createState: () => ({
    buffers: [new HandshakeBuffer(), new HandshakeBuffer()],
    request: undefined,
    response: undefined,
    hasServerChangedCipher: false,
    hasClientChangedCipher: false,
    isTorn: false,
  }),

  parse: parseRecord,

  findBoundary(bytes, from) {
    const type = bytes[from];
    const isRecord = type !== undefined && type >= 20 && type <= 23 && bytes[from + 1] === 3 && bytes[from + 2]! <= 4;
    return isRecord && bytes.length >= from + RECORD_HEADER && uint16(bytes, from + 3) <= MAX_RECORD ? from : -1;
  },

  resync(state, sender) {
    state.buffers[sender]!.clear();
    if (sender === Sender.server) state.isTorn = true;
  },

  describe: describeTls,
};
