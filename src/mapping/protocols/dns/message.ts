/** One DNS message (RFC 1035, EDNS RFC 6891): what it asks or answers, and what is said of the exchange. */
import type { Attribute } from "../../span.ts";
import { uint16, uint32 } from "../byte-reader.ts";
import { missingResponse } from "../failure.ts";
import { type Message, MessageRole, Recognition, type Session, type SpanFields } from "../protocol.ts";
import { DNS_CLASSES, DNS_OPCODES, DNS_RESPONSE_CODES, DNS_TYPES } from "./names.ts";

export interface DnsMessage extends Message {
  readonly transactionId: number;
  readonly opcode: number;
  readonly name: string;
  readonly type: number;
  readonly responseCode: number;
  readonly isTruncated: boolean;
  readonly isAuthoritative: boolean;
  readonly answers: readonly string[];
}

export const DNS_HEADER_BYTES = 12;
const MAX_NAME = 255;
const MAX_ANSWERS = 16;

interface Name {
  readonly text: string;
  /** Behind the name, at the place where it began. */
  readonly end: number;
}

/** @returns undefined: malformed or cut */
function readName(bytes: Uint8Array, from: number, end: number): Name | undefined {
  let text = "";
  let at = from;
  let after = -1;
  for (let jumps = 0; jumps < 32; ) {
    if (at >= end) return undefined;
    const length = bytes[at]!;
    if (length === 0) return { text: text === "" ? "." : text, end: after < 0 ? at + 1 : after };
    if (length >= 0xc0) {
      if (at + 1 >= end) return undefined;
      if (after < 0) after = at + 2;
      const target = ((length & 0x3f) << 8) | bytes[at + 1]!;
      // A pointer goes back only (RFC 1035 4.1.4), so that it ends.
      if (target >= at) return undefined;
      at = target;
      jumps++;
      continue;
    }
    if (length > 63 || at + 1 + length > end) return undefined;
    if (text !== "") text += ".";
    text += label(bytes, at + 1, at + 1 + length);
    if (text.length > MAX_NAME * 4) return undefined;
    at += 1 + length;
  }
  return undefined;
}

/** Dots and unprintable bytes as RFC 4343 2.1 writes them. */
function label(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (byte === 0x2e || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte > 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${String(byte).padStart(3, "0")}`;
  }
  return text;
}

/** @returns undefined: no DNS message. Of one that is cut, what is there */
export function decodeDns(bytes: Uint8Array, from: number, to: number): DnsMessage | undefined {
  if (to - from < DNS_HEADER_BYTES) return undefined;
  const view = bytes.subarray(from, to);
  const flags = uint16(view, 2);
  const isResponse = (flags & 0x8000) !== 0;
  const opcode = (flags >> 11) & 15;
  const questions = uint16(view, 4);
  if (DNS_OPCODES[opcode] === undefined || questions > 4) return undefined;
  let at = DNS_HEADER_BYTES;
  let name = "";
  let type = 0;
  for (let i = 0; i < questions; i++) {
    const read = readName(view, at, view.length);
    if (read === undefined || read.end + 4 > view.length) return undefined;
    const questionClass = uint16(view, read.end + 2);
    if (!DNS_CLASSES.has(questionClass)) return undefined;
    if (i === 0) {
      name = read.text;
      type = uint16(view, read.end);
      if (type === 0) return undefined;
    }
    at = read.end + 4;
  }
  if (questions === 0 && !isResponse) return undefined;
  // The bit that must be zero is set by some: then the type is to be one that is known.
  if ((flags & 0x40) !== 0 && (questions !== 1 || DNS_TYPES[type] === undefined)) return undefined;
  let responseCode = flags & 15;
  const answers: string[] = [];
  const answerCount = uint16(view, 6);
  const recordCount = answerCount + uint16(view, 8) + uint16(view, 10);
  for (let i = 0; i < recordCount && at < view.length && i < 256; i++) {
    const owner = readName(view, at, view.length);
    if (owner === undefined || owner.end + 10 > view.length) break;
    const recordType = uint16(view, owner.end);
    const length = uint16(view, owner.end + 8);
    const data = owner.end + 10;
    // The upper bits of the response code are in the OPT record's TTL (RFC 6891 6.1.3).
    if (recordType === 41) responseCode |= (uint32(view, owner.end + 4) >>> 24) << 4;
    else if (i < answerCount && answers.length < MAX_ANSWERS && data + length <= view.length) {
      const text = recordText(view, recordType, data, length);
      if (text !== undefined) answers.push(text);
    }
    at = data + length;
  }
  const transactionId = uint16(view, 0);
  return {
    role: isResponse ? MessageRole.response : MessageRole.request,
    // A resolver may use one id for A and AAAA of a name on one socket.
    id: questions === 0 ? `${transactionId}` : `${transactionId} ${type} ${name.toLowerCase()}`,
    transactionId,
    opcode,
    name,
    type,
    responseCode: isResponse ? responseCode : 0,
    isTruncated: (flags & 0x200) !== 0,
    isAuthoritative: (flags & 0x400) !== 0,
    answers,
  };
}

function recordText(view: Uint8Array, type: number, at: number, length: number): string | undefined {
  switch (type) {
    case 1:
      return length === 4 ? view.subarray(at, at + 4).join(".") : undefined;
    case 28: {
      if (length !== 16) return undefined;
      const groups = Array.from({ length: 8 }, (_, i) => uint16(view, at + i * 2).toString(16));
      return shortenIpv6(groups);
    }
    case 2:
    case 5:
    case 12:
    case 39:
      return readName(view, at, view.length)?.text;
    case 15:
      return readName(view, at + 2, view.length)?.text;
    case 33:
      return readName(view, at + 6, view.length)?.text;
    default:
      return undefined;
  }
}

/** RFC 5952: the longest run of zero groups is `::`. */
function shortenIpv6(groups: readonly string[]): string {
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < groups.length; i++) {
    let run = 0;
    while (groups[i + run] === "0") run++;
    if (run > bestLength) {
      best = i;
      bestLength = run;
    }
  }
  if (best < 0) return groups.join(":");
  return `${groups.slice(0, best).join(":")}::${groups.slice(best + bestLength).join(":")}`;
}

export function recognizeDns(bytes: Uint8Array, from: number, to: number): Recognition {
  const message = decodeDns(bytes, from, to);
  if (message === undefined) return Recognition.no;
  if (message.role === MessageRole.response) return message.name === "" ? Recognition.no : Recognition.response;
  const flags = uint16(bytes, from + 2);
  // A query answers nothing: no answers (but IXFR and UPDATE have authority records), no response code.
  if (message.opcode === 0 && (uint16(bytes, from + 6) !== 0 || (flags & 15) !== 0)) return Recognition.no;
  return Recognition.request;
}

export function describeDns(session: Session<DnsMessage>): SpanFields | undefined {
  const message = session.request;
  if (message === undefined) return undefined;
  const type = DNS_TYPES[message.type] ?? `TYPE${message.type}`;
  const operation = message.opcode === 0 ? type : DNS_OPCODES[message.opcode]!;
  const attributes: Attribute[] = [
    ["dns.question.name", message.name],
    ["dns.question.type", type],
    ["dns.transaction.id", message.transactionId],
  ];
  if (message.opcode !== 0) attributes.push(["dns.opcode", DNS_OPCODES[message.opcode]!]);
  const { response } = session;
  let errorType = missingResponse(session);
  if (response !== undefined) {
    const code = DNS_RESPONSE_CODES.get(response.responseCode) ?? `RCODE${response.responseCode}`;
    attributes.push(["dns.response.code", code]);
    if (response.answers.length > 0) attributes.push(["dns.answers", response.answers]);
    if (response.isTruncated) attributes.push(["dns.response.truncated", true]);
    if (response.responseCode !== 0) errorType = code;
  }
  if (errorType !== undefined) attributes.push(["error.type", errorType]);
  return { name: `DNS ${operation}`, attributes, isError: errorType !== undefined };
}
