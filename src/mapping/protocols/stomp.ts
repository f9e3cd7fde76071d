/**
 * STOMP 1.0 to 1.2 (stomp.github.io/stomp-specification-1.2.html): text frames that end with a zero byte; bodies are
 * skipped by content-length where there is one. A frame with a receipt header is answered; others are one-way.
 *
 * Claims: a command in a line of its own and a header line. State: one unfinished frame for each direction.
 */

import { latin1, utf8 } from "../latin1.ts";
import type { Attribute } from "../span.ts";
import { agreed } from "./framed.ts";
import { describeMessaging } from "./messaging-span.ts";
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

interface StompMessage extends Message {
  readonly command: string;
  readonly headers: ReadonlyMap<string, string>;
}

interface StompState {
  /** The frame of each direction whose end is searched for; `null`: it makes no message. */
  readonly unfinished: [StompMessage | null | undefined, StompMessage | null | undefined];
}

const CLIENT = "CONNECT STOMP SEND SUBSCRIBE UNSUBSCRIBE BEGIN COMMIT ABORT ACK NACK DISCONNECT".split(" ");
const SERVER = "CONNECTED MESSAGE RECEIPT ERROR".split(" ");
const WORDS = [...CLIENT, ...SERVER];
const INITIALS = new Set(WORDS.map((word) => word.charCodeAt(0)));
const MAX_HEAD = 16_384;
const MAX_HEADERS = 64;
const LF = 10;
const CR = 13;
const CONNECT_ID = "connect";

function commandOf(bytes: Uint8Array, at: number): string | undefined {
  return /^([A-Z]{3,11})\r?\n/.exec(latin1(bytes, at, Math.min(bytes.length, at + 14)))?.[1];
}

function readHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of text.split(/\r?\n/, MAX_HEADERS)) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const key = unescaped(line.slice(0, colon)).toLowerCase();
    // The first of several counts.
    if (!headers.has(key)) headers.set(key, unescaped(line.slice(colon + 1)));
  }
  return headers;
}

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([nrc\\])/g, (_, code: string) => ({ n: "\n", r: "\r", c: ":" })[code] ?? "\\");
}

function pairing(command: string, headers: ReadonlyMap<string, string>): Pick<Message, "role" | "id"> {
  const receipt = headers.get("receipt");
  if (command === "CONNECT" || command === "STOMP") return { role: MessageRole.request, id: CONNECT_ID };
  if (command === "CONNECTED") return { role: MessageRole.response, id: CONNECT_ID };
  if (command === "RECEIPT" || command === "ERROR") {
    const id = headers.get("receipt-id");
    return { role: MessageRole.response, id: id === undefined ? CONNECT_ID : `r${id}` };
  }
  if (command === "MESSAGE" || receipt === undefined) return { role: MessageRole.oneWay, id: undefined };
  return { role: MessageRole.request, id: `r${receipt}` };
}

function parse(bytes: Uint8Array, sender: Sender, state: StompState, sink: MessageSink<StompMessage>): number {
  const unfinished = state.unfinished[sender];
  if (unfinished !== undefined) {
    const end = bytes.indexOf(0);
    if (end < 0) return bytes.length;
    state.unfinished[sender] = undefined;
    if (unfinished !== null) sink.end(unfinished);
    return end + 1;
  }
  // Line ends between frames are heartbeats.
  let blank = 0;
  while (bytes[blank] === LF || bytes[blank] === CR) blank++;
  if (blank > 0) return blank;
  const command = commandOf(bytes, 0);
  if (command === undefined)
    return bytes.length < 14 && /^[A-Z]*\r?$/.test(latin1(bytes, 0, bytes.length)) ? NEED_MORE : INVALID;
  if (!(sender === Sender.client ? CLIENT : SERVER).includes(command)) return INVALID;
  const text = latin1(bytes, 0, Math.min(bytes.length, MAX_HEAD));
  const blankLine = /\n\r?\n/.exec(text);
  if (blankLine === null) return bytes.length >= MAX_HEAD || text.includes("\0") ? INVALID : NEED_MORE;
  const bodyStart = blankLine.index + blankLine[0].length;
  const headers = readHeaders(utf8(bytes, command.length, bodyStart));
  const message: StompMessage = { ...pairing(command, headers), command, headers };
  const length = /^\d{1,10}$/.exec(headers.get("content-length") ?? "")?.[0];
  if (length !== undefined) {
    sink.message(message);
    return bodyStart + Number(length) + 1;
  }
  const end = bytes.indexOf(0, bodyStart);
  if (end >= 0) {
    sink.message(message);
    return end + 1;
  }
  state.unfinished[sender] = message;
  sink.begin(message);
  return bodyStart;
}

function classify(bytes: Uint8Array): Recognition {
  if (!INITIALS.has(bytes[0]!)) return Recognition.no;
  const text = latin1(bytes, 0, Math.min(bytes.length, 256));
  const line = text.indexOf("\n");
  const command = (line < 0 ? text : text.slice(0, line)).replace(/\r$/, "");
  if (line < 0) return WORDS.some((word) => word.startsWith(command)) ? Recognition.needMore : Recognition.no;
  if (!WORDS.includes(command)) return Recognition.no;
  const header = /^[\w.-]+:[^\n]*\n/.exec(text.slice(line + 1));
  if (header === null)
    return /^[\w.-]*(?::[^\n]*)?$/.test(text.slice(line + 1)) ? Recognition.needMore : Recognition.no;
  return CLIENT.includes(command) ? Recognition.request : Recognition.response;
}

export const stomp: Protocol<StompMessage, StompState> = {
  name: "stomp",
  networkProtocolName: "stomp",
  usualPorts: [61613],
  resyncsAtCallStart: true,
  recognize: (bytes, hint) => (hint.transport === "tcp" ? agreed(classify(bytes), hint.sender) : Recognition.no),
  createState: () => ({ unfinished: [undefined, undefined] }),
  parse,
  findBoundary(bytes, from, sender) {
    const found = agreed(classify(bytes.subarray(from)), sender);
    return found === Recognition.request || found === Recognition.response ? from : -1;
  },
  resync(state, sender) {
    state.unfinished[sender] = undefined;
  },
  carried: (message, key) => message.headers.get(key),
  describe(session, view) {
    const { request, response } = session;
    if (request === undefined || request.command === "DISCONNECT") return undefined;
    const { command, headers } = request;
    const isSettle = command === "ACK" || command === "NACK";
    const messageId = headers.get("message-id");
    const attributes: Attribute[] = messageId === undefined ? [] : [["messaging.message.id", messageId]];
    const hasFailed = response?.command === "ERROR";
    return describeMessaging(session, view, {
      system: "stomp",
      operation: command,
      type: command === "SEND" ? "send" : command === "MESSAGE" ? "receive" : isSettle ? "settle" : undefined,
      destination: headers.get("destination"),
      attributes,
      errorType: hasFailed ? "ERROR" : undefined,
      statusMessage: hasFailed ? response.headers.get("message") : undefined,
    });
  },
};
