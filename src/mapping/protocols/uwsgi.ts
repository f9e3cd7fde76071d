/**
 * uwsgi (uwsgi-docs.readthedocs.io/en/latest/Protocol.html): a web server hands an HTTP request to a process as one
 * packet of variables, with the body behind it; the answer is HTTP/1 to its length or to the connection's end.
 *
 * Claims: a packet whose first variables have the names and lengths of CGI's. State: the answer in work. The variables
 * are at most 64 KiB, by the protocol's own length.
 */
import { latin1, utf8 } from "../latin1.ts";
import { ByteReader, uint16le } from "./byte-reader.ts";
import { agreed } from "./framed.ts";
import { describeHttp } from "./http/semantics.ts";
import { HeaderFields } from "./http1/fields.ts";
import { looksLikeStatusLine } from "./http1/start-line.ts";
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

interface UwsgiMessage extends Message {
  readonly variables: ReadonlyMap<string, string>;
  readonly statusCode: number | undefined;
  /** Of responses. */
  readonly fields: HeaderFields | undefined;
  readonly bodySize: number | undefined;
}

interface UwsgiState {
  method: string | undefined;
  isUntilClose: boolean;
}

const HEADER_BYTES = 4;
/** Requests of an application (WSGI, PSGI, Rack, CGI, PHP and others); above are commands between uWSGI's own processes. */
const MAX_MODIFIER = 30;
const MAX_VARIABLES = 256;
const MAX_HEAD = 65_536;
const NAME = /^[A-Z][A-Z0-9_]{2,63}$/;
const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

function parseRequest(bytes: Uint8Array, state: UwsgiState, sink: MessageSink<UwsgiMessage>): number {
  if (bytes.length < HEADER_BYTES) return NEED_MORE;
  if (bytes[0]! > MAX_MODIFIER) return INVALID;
  const end = HEADER_BYTES + uint16le(bytes, 1);
  if (bytes.length < end) return NEED_MORE;
  const variables = new Map<string, string>();
  const reader = new ByteReader(bytes, HEADER_BYTES, end);
  while (reader.remaining > 0 && variables.size < MAX_VARIABLES) {
    const key = reader.latin1(reader.uint16le());
    const value = reader.utf8(reader.uint16le());
    if (reader.failed) return INVALID;
    variables.set(key, value);
  }
  if (!variables.has("REQUEST_METHOD")) return INVALID;
  const length = lengthOf(variables.get("CONTENT_LENGTH"));
  state.method = variables.get("REQUEST_METHOD");
  state.isUntilClose = false;
  sink.message({
    role: MessageRole.request,
    id: undefined,
    variables,
    statusCode: undefined,
    fields: undefined,
    bodySize: length,
  });
  return end + (length ?? 0);
}

function lengthOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function parseResponse(bytes: Uint8Array, state: UwsgiState, sink: MessageSink<UwsgiMessage>): number {
  if (state.isUntilClose) return bytes.length;
  const start = looksLikeStatusLine(bytes, 0);
  if (start === Recognition.no) return INVALID;
  const text = latin1(bytes, 0, Math.min(bytes.length, MAX_HEAD));
  const blank = /\r?\n\r?\n/.exec(text);
  if (blank === null) return bytes.length >= MAX_HEAD ? INVALID : NEED_MORE;
  const end = blank.index + blank[0].length;
  const lineEnd = text.indexOf("\n") + 1;
  const fields = HeaderFields.parse(text.slice(lineEnd, end));
  if (fields === undefined) return INVALID;
  const statusCode = Number(text.slice(9, 12));
  const hasNoBody = state.method === "HEAD" || statusCode < 200 || statusCode === 204 || statusCode === 304;
  const bodySize = hasNoBody ? 0 : fields.framing.contentLength;
  const message: UwsgiMessage = {
    role: MessageRole.response,
    id: undefined,
    endsAtClose: bodySize === undefined,
    variables: NO_VARIABLES,
    statusCode,
    fields,
    bodySize,
  };
  if (bodySize !== undefined) {
    sink.message(message);
    return end + bodySize;
  }
  state.isUntilClose = true;
  sink.begin(message);
  return end;
}

function classify(bytes: Uint8Array): Recognition {
  if (bytes[0]! > MAX_MODIFIER) return Recognition.no;
  if (bytes.length < HEADER_BYTES + 2) return bytes[5] === undefined ? Recognition.needMore : Recognition.no;
  const size = uint16le(bytes, 1);
  let at = HEADER_BYTES;
  // Two names that are CGI's are proof; the first alone might be chance.
  for (let i = 0; i < 2; i++) {
    if (bytes.length < at + 2) return Recognition.needMore;
    const length = uint16le(bytes, at);
    if (length < 3 || length > 64 || at + 2 + length + 2 > HEADER_BYTES + size) return Recognition.no;
    const seen = utf8(bytes, at + 2, Math.min(bytes.length, at + 2 + length));
    if (!(seen.length < 3 ? /^[A-Z][A-Z0-9_]*$|^$/ : NAME).test(seen)) return Recognition.no;
    if (bytes.length < at + 2 + length + 2) return Recognition.needMore;
    at += 2 + length;
    at += 2 + uint16le(bytes, at);
    if (at > HEADER_BYTES + size) return Recognition.no;
  }
  return Recognition.request;
}

export const uwsgi: Protocol<UwsgiMessage, UwsgiState> = {
  name: "uwsgi",
  networkProtocolName: "uwsgi",
  usualPorts: [3031],
  resyncsAtCallStart: true,
  recognize(bytes, hint) {
    if (hint.transport !== "tcp") return Recognition.no;
    // What the process says is plain HTTP: the other direction must tell.
    if (hint.sender !== Sender.client && looksLikeStatusLine(bytes, 0) !== Recognition.no) return Recognition.needMore;
    return agreed(classify(bytes), hint.sender);
  },
  createState: () => ({ method: undefined, isUntilClose: false }),
  parse: (bytes, sender, state, sink) =>
    sender === Sender.client ? parseRequest(bytes, state, sink) : parseResponse(bytes, state, sink),
  findBoundary(bytes, from, sender) {
    if (sender === Sender.server) return looksLikeStatusLine(bytes, from) === Recognition.response ? from : -1;
    return classify(bytes.subarray(from)) === Recognition.request ? from : -1;
  },
  resync(state) {
    state.method = undefined;
    state.isUntilClose = false;
  },
  carried: (message, key) => variable(message.variables, key),
  describe(session, view) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const { variables } = request;
    return describeHttp(
      {
        method: variables.get("REQUEST_METHOD") ?? "GET",
        target: variables.get("REQUEST_URI") ?? variables.get("PATH_INFO") ?? "/",
        authority: variables.get("HTTP_HOST") ?? variables.get("SERVER_NAME"),
        scheme: variables.get("REQUEST_SCHEME") ?? (variables.get("HTTPS") ? "https" : "http"),
        version: /^HTTP\/(\d(?:\.\d)?)/.exec(variables.get("SERVER_PROTOCOL") ?? "")?.[1] ?? "1.1",
        gateway: "uwsgi",
        statusCode: response?.statusCode,
        incomplete: session.incomplete,
        requestBodySize: request.bodySize,
        responseBodySize: response?.bodySize,
        requestHeader: (name) => variable(variables, name),
        responseHeader: (name) => response?.fields?.valueOf(name),
      },
      view,
    );
  },
};

/** A request header, as CGI names it. */
function variable(variables: ReadonlyMap<string, string>, header: string): string | undefined {
  const name = header.toUpperCase().replaceAll("-", "_");
  return variables.get(`HTTP_${name}`) ?? (name.startsWith("CONTENT_") ? variables.get(name) : undefined);
}
