/**
 * HTTP/1.0 and HTTP/1.1 (RFC 9112). Bodies are skipped by their length, never read. Requests to Elasticsearch and
 * OpenSearch are database calls too. With `http_rpc` the first 2 KiB of JSON, GraphQL and SOAP bodies are looked at for
 * the call's name.
 *
 * What two implementations may frame differently (RFC 9112 section 11.2) is INVALID rather than guessed.
 * State: 1024 methods of unanswered requests, and one counter per direction. A head is at most 64 KiB.
 */
import { latin1 } from "../../latin1.ts";
import { mayCarryRpc } from "../http/rpc.ts";
import { describeHttp } from "../http/semantics.ts";
import {
  INVALID,
  MessageRole,
  type MessageSink,
  NEED_MORE,
  type Protocol,
  Recognition,
  Sender,
  type Session,
  type SpanFields,
  type SpanView,
  UPGRADE_TO_ANY,
} from "../protocol.ts";
import { endOfHead, parseBody, parseChunk, parseTrailers } from "./body.ts";
import { cutRequest, cutResponse } from "./cut.ts";
import { type HeaderFields, RecentFields } from "./fields.ts";
import { endOfLine, readRequestLine, statusCodeAt, versionAt } from "./read-line.ts";
import { looksLikeRequestLine, looksLikeStatusLine } from "./start-line.ts";
import { CR, type DirectionState, type Http1Message, type Http1State, LF, MAX_HEAD, Phase } from "./state.ts";

const MAX_UNANSWERED = 1024;

const recentFields = new RecentFields();

/** @param readsBodies also looks at the first bytes of bodies that may carry a call (http/rpc.ts) */
function createHttp1(readsBodies: boolean): Protocol<Http1Message, Http1State> {
  return {
    name: "http1",
    asksOneByOne: true,
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

    isOpenEnded(sender, state) {
      return (sender === Sender.client ? state.client : state.server).phase === Phase.untilClose;
    },

    createState() {
      return {
        client: { phase: Phase.head, message: undefined, scanned: 0, slot: 0 },
        server: { phase: Phase.head, message: undefined, scanned: 0, slot: 0 },
        methods: [],
        readsBodies,
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
        case Phase.body:
          return parseBody(bytes, direction, sink, false);
      }
    },

    parseCut: parseCutMessage,

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
      return message.fields.valueOf(key);
    },

    describe: describeHttp1,
  };
}

export const http1 = createHttp1(false);
export const http1WithBodies = createHttp1(true);

/** A head that is there in part: what its whole lines say is told. */
function parseCutMessage(
  bytes: Uint8Array,
  sender: Sender,
  state: Http1State,
  sink: MessageSink<Http1Message>,
): number {
  const direction = sender === Sender.client ? state.client : state.server;
  if (direction.phase === Phase.body) return parseBody(bytes, direction, sink, true);
  // While an answer is due, what the server says is no answer to this.
  if (direction.phase !== Phase.head || (sender === Sender.client && state.methods.length > 0)) return 0;
  const lines = latin1(bytes, 0, Math.min(bytes.lastIndexOf(LF) + 1, MAX_HEAD));
  if (lines === "") return 0;
  const start = sender === Sender.client ? looksLikeRequestLine(bytes, 0) : looksLikeStatusLine(bytes, 0);
  if (start !== Recognition.request && start !== Recognition.response) return 0;
  const message = sender === Sender.client ? cutRequest(lines) : cutResponse(lines);
  if (message === undefined) return 0;
  if (sender === Sender.client) state.methods.push(message.method);
  else state.methods.shift();
  direction.phase = Phase.cutHead;
  direction.message = message;
  direction.scanned = 0;
  sink.begin(message);
  return bytes.length;
}

function describeHttp1(session: Session<Http1Message>, view: SpanView): SpanFields | undefined {
  const { request, response } = session;
  if (request === undefined) return undefined;
  return describeHttp(
    {
      method: request.method,
      target: request.target,
      authority: request.fields.valueOf("host"),
      scheme: undefined,
      version: request.version,
      statusCode: response?.statusCode,
      incomplete: session.incomplete,
      requestBodySize: request.bodySize,
      responseBodySize: request.method === "HEAD" ? undefined : response?.bodySize,
      requestHeader: (name) => request.fields.valueOf(name),
      responseHeader: (name) => response?.fields.valueOf(name),
      rpc: request.rpc,
    },
    view,
  );
}

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
  const lineEnd = endOfLine(bytes);
  // Of a head that came in pieces the end is known to be behind them.
  let fields = direction.scanned === 0 ? recentFields.match(direction.slot, bytes, lineEnd) : undefined;
  let end = lineEnd + recentFields.lengthOf(direction.slot);
  if (fields === undefined) {
    end = endOfHead(bytes, direction.scanned);
    if (end < 0) {
      if (bytes.length > MAX_HEAD) return INVALID;
      direction.scanned = bytes.length;
      return NEED_MORE;
    }
    direction.scanned = 0;
    if (end > MAX_HEAD) return INVALID;
    direction.slot = recentFields.slotOf(bytes, lineEnd, end);
    fields = recentFields.read(direction.slot, bytes, lineEnd, end);
  }
  if (fields === undefined) return INVALID;
  return sender === Sender.client
    ? parseRequest(bytes, lineEnd, fields, end, state, direction, sink)
    : parseResponse(bytes, fields, end, state, direction, sink);
}

function parseRequest(
  bytes: Uint8Array,
  lineEnd: number,
  fields: HeaderFields,
  end: number,
  state: Http1State,
  direction: DirectionState,
  sink: MessageSink<Http1Message>,
): number {
  const line = readRequestLine(bytes, lineEnd - 1);
  if (line === undefined) return INVALID;
  const { framing } = fields;
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
    fields,
    bodySize: framing.isChunked ? undefined : framing.contentLength,
  };
  if (framing.isChunked) return beginChunked(message, end, direction, sink);
  const size = framing.contentLength ?? 0;
  if (state.readsBodies && size > 0 && mayCarryRpc(method, fields.valueOf("content-type"))) {
    direction.phase = Phase.body;
    direction.message = message;
    sink.begin(message);
    return end;
  }
  sink.message(message);
  return end + size;
}

function parseResponse(
  bytes: Uint8Array,
  fields: HeaderFields,
  end: number,
  state: Http1State,
  direction: DirectionState,
  sink: MessageSink<Http1Message>,
): number {
  const statusCode = statusCodeAt(bytes, 9);
  const { framing } = fields;
  // Interim answers (100 Continue, 103 Early Hints): the answer is still to come.
  if (statusCode < 200 && statusCode !== 101) return end;
  const version = versionAt(bytes, 5);
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
    fields,
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
  else if (statusCode === 101) sink.upgrade(upgradeName(fields.valueOf("upgrade")));
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
