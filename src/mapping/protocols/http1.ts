/**
 * HTTP/1.0 and HTTP/1.1 (RFC 9112). Bodies are skipped by their length, never read.
 *
 * What two implementations may frame differently (RFC 9112 section 11.2) is INVALID rather than guessed.
 * State: 1024 methods of unanswered requests, and one counter per direction. A head is at most 64 KiB.
 */
import { latin1 } from "../latin1.ts";
import { describeHttp } from "./http-semantics.ts";
import { headerOf, parseFraming } from "./http1-head.ts";
import { looksLikeRequestLine, looksLikeStatusLine } from "./http1-start-line.ts";
import {
  INVALID,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  Sender,
  UPGRADE_TO_ANY,
} from "./protocol.ts";

export interface Http1Message {
  readonly role: MessageRole;
  readonly id: undefined;
  readonly endsAtClose: boolean;
  /** Requests. */
  readonly method: string;
  readonly target: string;
  /** Responses. */
  readonly statusCode: number;
  readonly version: string;
  /** The header lines as they came, latin1, ended by line feeds. */
  readonly headers: string;
  readonly initials: number;
  /** Where its length says so. */
  readonly bodySize: number | undefined;
}

/** `cutHead`: the rest of a head whose message was begun without it. */
const Phase = { head: 0, chunk: 1, trailers: 2, untilClose: 3, cutHead: 4 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

interface DirectionState {
  phase: Phase;
  /** The message whose body is being read. */
  message: Http1Message | undefined;
  /** So many bytes at the start of an unfinished head have no end of it: they need no second look. */
  scanned: number;
}

export interface Http1State {
  readonly client: DirectionState;
  readonly server: DirectionState;
  /** Of the requests whose answers have not begun: HEAD and CONNECT decide how the answer is framed. */
  readonly methods: string[];
}

const MAX_HEAD = 65_536;
const MAX_CHUNK_LINE = 4096;
const MAX_UNANSWERED = 1024;
const LF = 10;
const CR = 13;
const SPACE = 32;

export const http1: Protocol<Http1Message, Http1State> = {
  name: "http1",
  networkProtocolName: "http",
  usualPorts: [80, 8080, 8000, 3000, 5000, 9090],
  resyncsAtCallStart: true,

  recognize(bytes, hint) {
    if (hint.transport !== "tcp") return Recognition.no;
    if (bytes[0] === 0x48 && bytes[1] === 0x54) {
      const response = looksLikeStatusLine(bytes, 0);
      if (response !== Recognition.no) return hint.sender === Sender.client ? Recognition.no : response;
    }
    if (hint.sender === Sender.server) {
      return looksLikeStatusLine(bytes, 0);
    }
    return looksLikeRequestLine(bytes, 0, !hint.isStreamStart);
  },

  createState() {
    return {
      client: { phase: Phase.head, message: undefined, scanned: 0 },
      server: { phase: Phase.head, message: undefined, scanned: 0 },
      methods: [],
    };
  },

  parse(bytes, sender, state, sink) {
    const direction = sender === Sender.client ? state.client : state.server;
    switch (direction.phase) {
      case Phase.head:
        return parseHead(bytes, sender, state, direction, sink);
      case Phase.chunk:
        return parseChunk(bytes, direction);
      case Phase.trailers:
        return parseTrailers(bytes, direction, sink);
      case Phase.untilClose:
        return bytes.length;
      case Phase.cutHead:
        return parseTrailers(bytes, direction, sink);
    }
  },

  parseCut(bytes, sender, state, sink) {
    const direction = sender === Sender.client ? state.client : state.server;
    // While an answer is due, what the server says is no answer to this.
    if (direction.phase !== Phase.head || (sender === Sender.client && state.methods.length > 0)) return;
    const lines = latin1(bytes, 0, Math.min(bytes.lastIndexOf(LF) + 1, MAX_HEAD));
    if (lines === "") return;
    const start = sender === Sender.client ? looksLikeRequestLine(bytes, 0) : looksLikeStatusLine(bytes, 0);
    if (start !== Recognition.request && start !== Recognition.response) return;
    const message = sender === Sender.client ? cutRequest(lines) : cutResponse(lines);
    if (message === undefined) return;
    if (sender === Sender.client) state.methods.push(message.method);
    else state.methods.shift();
    direction.phase = Phase.cutHead;
    direction.message = message;
    direction.scanned = 0;
    sink.begin(message);
  },

  findBoundary(bytes, from, sender) {
    for (let index = from; index < bytes.length; index++) {
      const found =
        sender === Sender.client ? looksLikeRequestLine(bytes, index, true) : looksLikeStatusLine(bytes, index);
      if (found === Recognition.request || found === Recognition.response) return index;
      index = bytes.indexOf(LF, index);
      if (index < 0) return -1;
    }
    return -1;
  },

  resync(state, sender) {
    const direction = sender === Sender.client ? state.client : state.server;
    direction.phase = Phase.head;
    direction.message = undefined;
    direction.scanned = 0;
    state.methods.length = 0;
  },

  carried(message, key) {
    return headerOf(message.headers, message.initials, key);
  },

  describe(session, view) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    return describeHttp(
      {
        method: request.method,
        target: request.target,
        authority: headerOf(request.headers, request.initials, "host"),
        scheme: undefined,
        version: request.version,
        statusCode: response?.statusCode,
        incomplete: session.incomplete,
        requestBodySize: request.bodySize,
        responseBodySize: request.method === "HEAD" ? undefined : response?.bodySize,
        requestHeader: (name) => headerOf(request.headers, request.initials, name),
        responseHeader: (name) =>
          response === undefined ? undefined : headerOf(response.headers, response.initials, name),
      },
      view,
    );
  },
};

function parseHead(
  bytes: Uint8Array,
  sender: Sender,
  state: Http1State,
  direction: DirectionState,
  sink: MessageSink<Http1Message>,
): number {
  // RFC 9112 section 2.2: an empty line before the start line is ignored.
  if (bytes[0] === CR || bytes[0] === LF) {
    if (bytes[0] === LF) return 1;
    if (bytes.length < 2) return NEED_MORE;
    return bytes[1] === LF ? 2 : INVALID;
  }
  if (direction.scanned === 0) {
    const start = sender === Sender.client ? looksLikeRequestLine(bytes, 0) : looksLikeStatusLine(bytes, 0);
    if (start === Recognition.no) return INVALID;
  }
  const end = endOfHead(bytes, direction.scanned);
  if (end < 0) {
    if (bytes.length > MAX_HEAD) return INVALID;
    direction.scanned = bytes.length;
    return NEED_MORE;
  }
  direction.scanned = 0;
  if (end > MAX_HEAD) return INVALID;
  const head = latin1(bytes, 0, end);
  return sender === Sender.client
    ? parseRequest(head, end, state, direction, sink)
    : parseResponse(head, end, state, direction, sink);
}

function parseRequest(
  head: string,
  end: number,
  state: Http1State,
  direction: DirectionState,
  sink: MessageSink<Http1Message>,
): number {
  const lineEnd = head.indexOf("\n");
  const line = requestLine(head, lineEnd);
  const framing = parseFraming(head, lineEnd + 1);
  if (framing === undefined || line === undefined) return INVALID;
  const { method, target, version } = line;
  // RFC 9112 section 6.1 and 6.3: the server can't know where such a request ends.
  if (framing.isTransferEncoded && (version === "1.0" || !framing.isChunked)) return INVALID;
  if (state.methods.length >= MAX_UNANSWERED) return INVALID;
  state.methods.push(method);
  const message: Http1Message = {
    role: MessageRole.request,
    id: undefined,
    endsAtClose: false,
    method,
    target,
    statusCode: 0,
    version,
    headers: head.slice(lineEnd + 1),
    initials: framing.initials,
    bodySize: framing.isChunked ? undefined : framing.contentLength,
  };
  if (framing.isChunked) return beginChunked(message, end, direction, sink);
  sink.message(message);
  return end + (framing.contentLength ?? 0);
}

function requestLine(head: string, lineEnd: number): { method: string; target: string; version: string } | undefined {
  const firstSpace = head.indexOf(" ");
  const lastSpace = head.lastIndexOf(" ", lineEnd - 9);
  if (firstSpace < 0 || lastSpace <= firstSpace) return undefined;
  const target = head.slice(firstSpace + 1, lastSpace);
  if (target.includes(" ")) return undefined;
  return { method: head.slice(0, firstSpace), target, version: head.slice(lastSpace + 6, lastSpace + 9) };
}

/** @param lines the start line and those of the fields that are there */
function cutRequest(lines: string): Http1Message | undefined {
  const lineEnd = lines.indexOf("\n");
  const line = requestLine(lines, lineEnd);
  if (line === undefined) return undefined;
  return cutMessage(MessageRole.request, { ...line, statusCode: 0 }, lines.slice(lineEnd + 1));
}

function cutResponse(lines: string): Http1Message | undefined {
  const statusCode = Number(lines.slice(9, 12));
  if (statusCode < 200) return undefined;
  const line = { method: "", target: "", version: lines.slice(5, 8), statusCode };
  return cutMessage(MessageRole.response, line, lines.slice(lines.indexOf("\n") + 1));
}

function cutMessage(
  role: MessageRole,
  line: Pick<Http1Message, "method" | "target" | "version" | "statusCode">,
  headers: string,
): Http1Message | undefined {
  const framing = parseFraming(headers, 0);
  if (framing === undefined) return undefined;
  return {
    role,
    id: undefined,
    endsAtClose: true,
    ...line,
    headers,
    initials: framing.initials,
    bodySize: framing.isChunked ? undefined : framing.contentLength,
  };
}

function parseResponse(
  head: string,
  end: number,
  state: Http1State,
  direction: DirectionState,
  sink: MessageSink<Http1Message>,
): number {
  const lineEnd = head.indexOf("\n");
  const statusCode = Number(head.slice(9, 12));
  const framing = parseFraming(head, lineEnd + 1);
  if (framing === undefined) return INVALID;
  // Interim answers (100 Continue, 103 Early Hints): the answer is still to come.
  if (statusCode < 200 && statusCode !== 101) return end;
  const version = head.slice(5, 8);
  const method = state.methods.shift();
  const isTunnel = method === "CONNECT" && statusCode < 300;
  const hasBody = method !== "HEAD" && !isTunnel && statusCode >= 200 && statusCode !== 204 && statusCode !== 304;
  if (hasBody && framing.isTransferEncoded && version === "1.0") return INVALID;
  const isChunked = hasBody && framing.isChunked;
  const untilClose = hasBody && !isChunked && (framing.isTransferEncoded || framing.contentLength === undefined);
  const message: Http1Message = {
    role: MessageRole.response,
    id: undefined,
    endsAtClose: untilClose,
    method: "",
    target: "",
    statusCode,
    version,
    headers: head.slice(lineEnd + 1),
    initials: framing.initials,
    bodySize: isChunked || untilClose ? undefined : framing.contentLength,
  };
  if (isChunked) return beginChunked(message, end, direction, sink);
  if (untilClose) {
    direction.phase = Phase.untilClose;
    direction.message = message;
    sink.begin(message);
    return end;
  }
  sink.message(message);
  if (isTunnel) sink.upgrade(UPGRADE_TO_ANY);
  else if (statusCode === 101) sink.upgrade(upgradeName(headerOf(message.headers, message.initials, "upgrade")));
  return end + (hasBody ? framing.contentLength! : 0);
}

function upgradeName(value: string | undefined): string {
  const name = value?.split(",")[0]?.trim().toLowerCase() ?? "";
  return name === "h2c" ? "http2" : name === "" ? "unknown" : name;
}

function beginChunked(
  message: Http1Message,
  end: number,
  direction: DirectionState,
  sink: MessageSink<Http1Message>,
): number {
  direction.phase = Phase.chunk;
  direction.message = message;
  sink.begin(message);
  return end;
}

/** RFC 9112 section 7.1: `chunk-size [ chunk-ext ] CRLF chunk-data CRLF`, the last one of size 0. */
function parseChunk(bytes: Uint8Array, direction: DirectionState): number {
  let size = 0;
  let index = 0;
  for (; index < bytes.length; index++) {
    const digit = hexDigit(bytes[index]!);
    if (digit < 0) break;
    if (index >= 12) return INVALID;
    size = size * 16 + digit;
  }
  if (index === bytes.length) return NEED_MORE;
  if (index === 0) return INVALID;
  const next = bytes[index]!;
  if (next !== CR && next !== LF && next !== 0x3b && next !== SPACE && next !== 9) return INVALID;
  const lineEnd = bytes.indexOf(LF, index);
  if (lineEnd < 0) return bytes.length > MAX_CHUNK_LINE ? INVALID : NEED_MORE;
  if (size > 0) return lineEnd + 1 + size + 2;
  direction.phase = Phase.trailers;
  return lineEnd + 1;
}

function parseTrailers(bytes: Uint8Array, direction: DirectionState, sink: MessageSink<Http1Message>): number {
  let end: number;
  if (bytes[0] === LF) end = 1;
  else if (bytes[0] === CR) {
    if (bytes.length < 2) return NEED_MORE;
    if (bytes[1] !== LF) return INVALID;
    end = 2;
  } else {
    end = endOfHead(bytes, 0);
    if (end < 0) return bytes.length > MAX_HEAD ? INVALID : NEED_MORE;
    if (parseFraming(latin1(bytes, 0, end), 0) === undefined) return INVALID;
  }
  const message = direction.message;
  direction.phase = Phase.head;
  direction.message = undefined;
  if (message !== undefined) sink.end(message);
  return end;
}

/** Index behind the empty line that ends a head, -1 if it is not there. @param scanned bytes known to hold no end */
function endOfHead(bytes: Uint8Array, scanned: number): number {
  const length = bytes.length;
  for (let index = Math.max(0, scanned - 3); index < length; index++) {
    if (bytes[index] !== LF) continue;
    const next = bytes[index + 1];
    if (next === LF) return index + 2;
    if (next === CR && bytes[index + 2] === LF) return index + 3;
  }
  return -1;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  return byte >= 0x41 && byte <= 0x46 ? byte - 0x37 : -1;
}
