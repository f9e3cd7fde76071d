/**
 * SMTP (RFC 5321) with pipelining (RFC 2920), CHUNKING (RFC 3030), AUTH (RFC 4954) and STARTTLS (RFC 3207): each
 * command with its reply. DATA is one exchange, from the command to the reply to the mail's end. Neither addresses nor
 * content are shown.
 *
 * Claims: a greeting of 220 that says SMTP, or EHLO, HELO, MAIL FROM or RCPT TO in a line of their own.
 * State: 256 commands that wait for their replies.
 */
import { latin1 } from "../latin1.ts";
import type { Attribute } from "../span.ts";
import { missingResponse } from "./failure.ts";
import { agreed } from "./framed.ts";
import {
  INVALID,
  type Message,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  Sender,
} from "./protocol.ts";

interface SmtpMessage extends Message {
  /** Upper case. */
  readonly command: string;
  /** Of the mail, without what ends it. */
  size: number | undefined;
  readonly code: number | undefined;
  /** RFC 3463: `5.7.1`. */
  readonly enhancedCode: string | undefined;
}

interface SmtpState {
  readonly pending: string[];
  /** A mail is being sent: the request that it belongs to; `null`: that was lost. */
  mail: SmtpMessage | null | undefined;
  /** Nothing of the mail has come yet. */
  isMailStart: boolean;
  /** The mail's end may lie in what was not captured: then the answer tells that it was there. */
  isEndUnsure: boolean;
  /** What the client says are answers to challenges. */
  isAuthenticating: boolean;
}

const CR = 13;
const LF = 10;
const DOT = 46;
const MAX_LINE = 8192;
const MAX_REPLY = 65_536;
const MAX_PENDING = 256;
const END = Buffer.from("\r\n.\r\n");
const COMMAND = /^([A-Za-z]{3,12})(?: |$)/;

function parseClient(bytes: Uint8Array, state: SmtpState, sink: MessageSink<SmtpMessage>): number {
  if (state.mail !== undefined) return parseMail(bytes, state, sink);
  const end = bytes.indexOf(LF);
  if (end < 0) return bytes.length > MAX_LINE ? INVALID : NEED_MORE;
  if (state.isAuthenticating) return end + 1;
  const line = latin1(bytes, 0, Math.min(end, 512)).trimEnd();
  const command = COMMAND.exec(line)?.[1]?.toUpperCase();
  if (command === undefined) return INVALID;
  const size = command === "BDAT" ? Number(/^\S+ +(\d{1,15})(?: |$)/.exec(line)?.[1] ?? Number.NaN) : undefined;
  if (size !== undefined && Number.isNaN(size)) return INVALID;
  if (state.pending.length >= MAX_PENDING) state.pending.shift();
  state.pending.push(command);
  const message = { role: MessageRole.request, id: undefined, command, size, code: undefined, enhancedCode: undefined };
  if (command === "DATA") {
    state.mail = message;
    state.isMailStart = true;
    state.isEndUnsure = false;
    sink.begin(message);
    return end + 1;
  }
  sink.message(message);
  return end + 1 + (size ?? 0);
}

function parseMail(bytes: Uint8Array, state: SmtpState, sink: MessageSink<SmtpMessage>): number {
  const mail = state.mail;
  if (state.isMailStart && bytes[0] === DOT) {
    // An empty mail has no line before its end.
    if (bytes.length < 3) return NEED_MORE;
    if (bytes[1] === CR && bytes[2] === LF) return endMail(3, 0, state, sink);
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = view.indexOf(END);
  if (end >= 0) return endMail(end + END.length, end + 2, state, sink);
  // What could begin the end stays.
  const count = bytes.length - (END.length - 1);
  if (count <= 0) return NEED_MORE;
  state.isMailStart = false;
  if (mail != null) mail.size = (mail.size ?? 0) + count;
  return count;
}

function endMail(count: number, size: number, state: SmtpState, sink: MessageSink<SmtpMessage>): number {
  const mail = state.mail;
  state.mail = undefined;
  if (mail != null) {
    mail.size = (mail.size ?? 0) + size;
    sink.end(mail);
  }
  return count;
}

function parseServer(bytes: Uint8Array, state: SmtpState, sink: MessageSink<SmtpMessage>): number {
  let at = 0;
  for (;;) {
    const end = bytes.indexOf(LF, at);
    if (end < 0) return bytes.length > MAX_REPLY ? INVALID : NEED_MORE;
    const line = latin1(bytes, at, Math.min(end, at + 64)).trimEnd();
    const reply = /^([2-5]\d\d)(?:([ -])(?:([245]\.\d{1,3}\.\d{1,3}) )?|$)/.exec(line);
    if (reply === null) return INVALID;
    at = end + 1;
    if (reply[2] === "-") continue;
    answer(Number(reply[1]), reply[3], state, sink);
    return at;
  }
}

function answer(
  code: number,
  enhancedCode: string | undefined,
  state: SmtpState,
  sink: MessageSink<SmtpMessage>,
): void {
  const command = state.pending[0];
  // The greeting, or a goodbye that nobody asked for.
  if (command === undefined) return;
  if (code === 354 && command === "DATA") return;
  if (code === 334 && command === "AUTH") {
    state.isAuthenticating = true;
    return;
  }
  state.pending.shift();
  if (command === "AUTH") state.isAuthenticating = false;
  if (command === "DATA") {
    // How long a mail is whose end was not seen nobody knows.
    if (state.mail != null && state.isEndUnsure) state.mail.size = undefined;
    // Or the server does not want it: the client sends none.
    state.mail = undefined;
  }
  sink.message({ role: MessageRole.response, id: undefined, command, size: undefined, code, enhancedCode });
  if (command === "STARTTLS" && code === 220) sink.upgrade("tls");
}

function classify(bytes: Uint8Array): Recognition {
  const text = latin1(bytes, 0, Math.min(bytes.length, 512));
  const line = text.indexOf("\n");
  if (/^220[ -]/.test(text)) {
    if (line < 0) return text.length < 512 ? Recognition.needMore : Recognition.no;
    // FTP greets alike: then the client's first words tell.
    return /\bE?SMTP\b/.test(text.slice(0, line)) ? Recognition.response : Recognition.needMore;
  }
  if (line < 0) {
    const isPart = /^(?:2|22|220)$/.test(text) || ["EHLO ", "HELO ", "MAIL FROM:", "RCPT TO:"].some(isBegun(text));
    return isPart && text.length < 512 ? Recognition.needMore : Recognition.no;
  }
  return /^(?:(?:EHLO|HELO) [^\s]+ *|(?:MAIL FROM|RCPT TO): ?<[^>\r\n]*>[^\r\n]*)\r?\n/i.test(text)
    ? Recognition.request
    : Recognition.no;
}

function isBegun(text: string): (word: string) => boolean {
  const upper = text.toUpperCase();
  return (word) => word.startsWith(upper) || upper.startsWith(word);
}

/** Nothing else can begin one. */
function mayBegin(byte: number | undefined): boolean {
  return byte !== undefined && (byte === 0x32 || "EHMRehmr".includes(String.fromCharCode(byte)));
}

export const smtp: Protocol<SmtpMessage, SmtpState> = {
  name: "smtp",
  networkProtocolName: "smtp",
  usualPorts: [25, 587, 2525, 1025],
  resyncsAtCallStart: true,
  recognize: (bytes, hint) =>
    hint.transport === "tcp" && mayBegin(bytes[0]) ? agreed(classify(bytes), hint.sender) : Recognition.no,
  createState: () => ({
    pending: [],
    mail: undefined,
    isMailStart: false,
    isEndUnsure: false,
    isAuthenticating: false,
  }),
  parse: (bytes, sender, state, sink) =>
    sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink),
  passUncaptured(count, sender, state) {
    const { mail } = state;
    if (sender === Sender.server || mail == null) return false;
    mail.size = (mail.size ?? 0) + count;
    state.isMailStart = false;
    state.isEndUnsure = true;
    return true;
  },
  findBoundary(bytes, from, sender, state) {
    if (sender === Sender.client && state.mail !== undefined) return from;
    const text = latin1(bytes, from, Math.min(bytes.length, from + 64));
    const pattern = sender === Sender.client ? /^[A-Za-z]{4,8}(?: [^\r\n]*)?\r?\n/ : /^[2-5]\d\d[ -]/;
    return pattern.test(text) ? from : -1;
  },
  resync(state, sender) {
    state.pending.length = 0;
    state.isAuthenticating = false;
    if (sender === Sender.client && state.mail !== undefined) {
      state.mail = null;
      state.isMailStart = false;
    }
  },
  describe(session) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const attributes: Attribute[] = [["sockspan.smtp.command", request.command]];
    if (request.size !== undefined) attributes.push(["sockspan.smtp.message.size", request.size]);
    const code = response?.code;
    if (code !== undefined) attributes.push(["sockspan.smtp.reply.code", code]);
    if (response?.enhancedCode !== undefined) {
      attributes.push(["sockspan.smtp.reply.enhanced_code", response.enhancedCode]);
    }
    const errorType = code !== undefined && code >= 400 ? String(code) : missingResponse(session);
    if (errorType !== undefined) attributes.push(["error.type", errorType]);
    return { name: `SMTP ${request.command}`, attributes, isError: errorType !== undefined };
  },
};
