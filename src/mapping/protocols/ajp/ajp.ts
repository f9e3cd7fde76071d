/**
 * AJP 1.3 (tomcat.apache.org/connectors-doc/ajp/ajpv13a.html): a web server hands HTTP requests to a servlet container,
 * one after another on a connection. Bodies are skipped packet by packet; pings make no spans.
 *
 * Claims: a forwarded request with a known method and an HTTP version, a ping, or the head of an answer.
 * State: the request in work.
 */

import { ByteReader, uint16 } from "../byte-reader.ts";
import { agreed, startsWith } from "../framed.ts";
import { describeHttp } from "../http/semantics.ts";
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
import { type AjpAttributes, ajpAttributes, ajpHeaders, ajpText, METHODS } from "./reader.ts";

interface AjpMessage extends Message {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly version: string;
  readonly isSecure: boolean;
  readonly headers: ReadonlyMap<string, string>;
  readonly statusCode: number | undefined;
}

interface AjpState {
  /** Until the answer's end the client sends nothing but its body. */
  isOpen: boolean;
  response: AjpMessage | undefined;
}

const FROM_SERVER = [0x12, 0x34];
const FROM_CONTAINER = [0x41, 0x42];
const HEADER_BYTES = 4;
const Code = { forward: 2, bodyChunk: 3, headers: 4, end: 5, getBody: 6, pong: 9, ping: 10 } as const;
const VERSION = [0, 8, 0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e];

function parseClient(bytes: Uint8Array, state: AjpState, sink: MessageSink<AjpMessage>): number {
  if (!startsWith(bytes, 0, FROM_SERVER)) return INVALID;
  if (bytes.length < HEADER_BYTES) return NEED_MORE;
  const total = HEADER_BYTES + uint16(bytes, 2);
  if (state.isOpen) return total;
  if (bytes.length < total) return NEED_MORE;
  const code = bytes[4];
  if (code === Code.ping && total === 5) return total;
  if (code !== Code.forward) return INVALID;
  const message = readRequest(new ByteReader(bytes, 5, total));
  if (message === undefined) return INVALID;
  state.isOpen = true;
  sink.message(message);
  return total;
}

function readRequest(reader: ByteReader): AjpMessage | undefined {
  const methodCode = reader.uint8();
  const version = ajpText(reader) ?? "";
  const path = ajpText(reader) ?? "";
  ajpText(reader);
  ajpText(reader);
  const serverName = ajpText(reader);
  const port = reader.uint16();
  const isSecure = reader.uint8() !== 0;
  const headers = ajpHeaders(reader, true);
  if (reader.failed) return undefined;
  const { query, method }: AjpAttributes = ajpAttributes(reader);
  if (!headers.has("host") && serverName) headers.set("host", `${serverName}:${port}`);
  return {
    role: MessageRole.request,
    id: undefined,
    method: METHODS[methodCode] ?? method ?? "_OTHER",
    target: query ? `${path}?${query}` : path,
    version: version.slice(5),
    isSecure,
    headers,
    statusCode: undefined,
  };
}

function parseServer(bytes: Uint8Array, state: AjpState, sink: MessageSink<AjpMessage>): number {
  if (!startsWith(bytes, 0, FROM_CONTAINER)) return INVALID;
  if (bytes.length < HEADER_BYTES + 1) return NEED_MORE;
  const total = HEADER_BYTES + uint16(bytes, 2);
  const code = bytes[4];
  if (code === Code.headers) {
    if (bytes.length < total) return NEED_MORE;
    const reader = new ByteReader(bytes, 5, total);
    const statusCode = reader.uint16();
    ajpText(reader);
    const headers = ajpHeaders(reader, false);
    if (statusCode < 100 || statusCode > 999) return INVALID;
    state.response = {
      role: MessageRole.response,
      id: undefined,
      method: "",
      target: "",
      version: "",
      isSecure: false,
      headers,
      statusCode,
    };
    sink.begin(state.response);
  } else if (code === Code.end) {
    if (state.response !== undefined) sink.end(state.response);
    state.response = undefined;
    state.isOpen = false;
  } else if (code !== Code.bodyChunk && code !== Code.getBody && code !== Code.pong) return INVALID;
  return total;
}

function classify(bytes: Uint8Array): Recognition {
  if (bytes[0] === FROM_SERVER[0] && startsWith(bytes, 0, FROM_SERVER)) {
    if (bytes.length < 6) {
      const isPing = bytes.length === 5 && bytes[2] === 0 && bytes[3] === 1 && bytes[4] === Code.ping;
      return isPing ? Recognition.request : bytes.length < 5 || bytes[4] === 2 ? Recognition.needMore : Recognition.no;
    }
    if (bytes[4] !== Code.forward)
      return bytes[4] === Code.ping && bytes[3] === 1 ? Recognition.request : Recognition.no;
    const method = bytes[5]!;
    if ((method === 0 || method >= METHODS.length) && method !== 0xff) return Recognition.no;
    if (!startsWith(bytes, 6, VERSION)) return Recognition.no;
    return bytes.length < 6 + VERSION.length ? Recognition.needMore : Recognition.request;
  }
  if (bytes[0] !== FROM_CONTAINER[0] || !startsWith(bytes, 0, FROM_CONTAINER)) return Recognition.no;
  if (bytes.length < 7)
    return bytes.length < 5 || bytes[4] === 9 || bytes[4] === 4 ? Recognition.needMore : Recognition.no;
  const status = uint16(bytes, 5);
  if (bytes[4] === Code.pong) return bytes[2] === 0 && bytes[3] === 1 ? Recognition.response : Recognition.no;
  return bytes[4] === Code.headers && status >= 100 && status < 600 ? Recognition.response : Recognition.no;
}

export const ajp: Protocol<AjpMessage, AjpState> = {
  name: "ajp",
  networkProtocolName: "ajp",
  usualPorts: [8009],
  resyncsAtCallStart: true,
  recognize: (bytes, hint) => (hint.transport === "tcp" ? agreed(classify(bytes), hint.sender) : Recognition.no),
  createState: () => ({ isOpen: false, response: undefined }),
  parse: (bytes, sender, state, sink) =>
    sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink),
  findBoundary(bytes, from, sender) {
    const found = agreed(classify(bytes.subarray(from)), sender);
    return found === Recognition.request || found === Recognition.response ? from : -1;
  },
  resync(state) {
    state.isOpen = false;
    state.response = undefined;
  },
  carried: (message, key) => message.headers.get(key),
  describe(session, view) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const length = (headers: ReadonlyMap<string, string> | undefined): number | undefined => {
      const value = headers?.get("content-length");
      return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
    };
    return describeHttp(
      {
        method: request.method,
        target: request.target,
        authority: request.headers.get("host"),
        scheme: request.isSecure ? "https" : "http",
        version: request.version,
        gateway: "ajp",
        statusCode: response?.statusCode,
        incomplete: session.incomplete,
        requestBodySize: length(request.headers),
        responseBodySize: length(response?.headers),
        requestHeader: (name) => request.headers.get(name),
        responseHeader: (name) => response?.headers.get(name),
      },
      view,
    );
  },
};
