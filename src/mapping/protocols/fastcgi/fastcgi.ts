/**
 * FastCGI (fastcgi-archives.github.io/FastCGI_Specification.html): a web server hands an HTTP request to a process.
 * Requests are told apart by their id. The parameters are read, up to 64 KiB; bodies are skipped.
 *
 * Claims: a whole BEGIN_REQUEST record with its reserved bytes. State: 64 open answers.
 */
import { makeRoom } from "../../../make-room.ts";
import { latin1 } from "../../latin1.ts";
import { uint16 } from "../byte-reader.ts";
import { agreed } from "../framed.ts";
import { bodySizeOf, describeHttp } from "../http/semantics.ts";
import { headerOf } from "../http1/head.ts";
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
import { readParameters } from "./parameters.ts";

interface FastcgiMessage extends Message {
  readonly parameters: ReadonlyMap<string, string>;
  /** Responses: the head of what the process wrote, latin1. */
  readonly head: string;
  /** END_REQUEST's protocolStatus. */
  protocolStatus: number;
}

interface FastcgiState {
  /** Requests whose input has not ended, and answers whose output has not, by id. */
  readonly requests: Map<number, FastcgiMessage>;
  readonly responses: Map<number, FastcgiMessage>;
}

const HEADER_BYTES = 8;
const Type = { begin: 1, abort: 2, end: 3, params: 4, stdin: 5, stdout: 6, stderr: 7, unknown: 11 } as const;
const MAX_PARAMETERS = 65_536;
const MAX_HEAD = 4096;
const MAX_OPEN = 64;
const NO_PARAMETERS: ReadonlyMap<string, string> = new Map();
/** No table of the names' first letters is kept. */
const ALL_INITIALS = -1;
const STATUSES = ["REQUEST_COMPLETE", "CANT_MPX_CONN", "OVERLOADED", "UNKNOWN_ROLE"];

interface RecordHeader {
  readonly type: number;
  readonly id: number;
  readonly content: number;
  readonly total: number;
}

function readRecord(bytes: Uint8Array, at: number): RecordHeader | typeof NEED_MORE | typeof INVALID {
  if (bytes.length < at + HEADER_BYTES) return bytes[at] !== undefined && bytes[at] !== 1 ? INVALID : NEED_MORE;
  const type = bytes[at + 1]!;
  if (bytes[at] !== 1 || type < Type.begin || type > Type.unknown) return INVALID;
  const content = uint16(bytes, at + 4);
  return { type, id: uint16(bytes, at + 2), content, total: HEADER_BYTES + content + bytes[at + 6]! };
}

/** BEGIN_REQUEST and the PARAMS behind it are read as one. */
function parseBegin(bytes: Uint8Array, id: number, state: FastcgiState, sink: MessageSink<FastcgiMessage>): number {
  const parts: Uint8Array[] = [];
  let at = HEADER_BYTES + 8;
  let size = 0;
  while (size < MAX_PARAMETERS) {
    const record = readRecord(bytes, at);
    if (record === INVALID) return INVALID;
    if (record === NEED_MORE) return NEED_MORE;
    // Records of another request between them: no known server mixes them.
    if (record.id !== id || record.type !== Type.params) break;
    if (bytes.length < at + record.total) return NEED_MORE;
    parts.push(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + record.content));
    size += record.content;
    at += record.total;
    if (record.content === 0) break;
  }
  const message: FastcgiMessage = {
    role: MessageRole.request,
    id,
    parameters: readParameters(parts),
    head: "",
    protocolStatus: 0,
  };
  makeRoom(state.requests, MAX_OPEN);
  state.requests.set(id, message);
  sink.begin(message);
  return at;
}

function parseClient(bytes: Uint8Array, state: FastcgiState, sink: MessageSink<FastcgiMessage>): number {
  const record = readRecord(bytes, 0);
  if (record === NEED_MORE || record === INVALID) return record;
  const { type, id, content, total } = record;
  if (type === Type.begin) {
    if (content !== 8) return INVALID;
    return bytes.length < total ? NEED_MORE : parseBegin(bytes, id, state, sink);
  }
  const message = state.requests.get(id);
  if (message !== undefined && ((type === Type.stdin && content === 0) || type === Type.abort)) {
    state.requests.delete(id);
    sink.end(message);
  }
  return total;
}

/** @param isCut there is no more of it */
function parseServer(bytes: Uint8Array, state: FastcgiState, sink: MessageSink<FastcgiMessage>, isCut = false): number {
  const record = readRecord(bytes, 0);
  if (record === NEED_MORE || record === INVALID) return record;
  const { type, id, content, total } = record;
  if (id === 0 || (type !== Type.stdout && type !== Type.stderr && type !== Type.end)) return total;
  const open = state.responses.get(id);
  if (type === Type.end) {
    if (content < 5) return INVALID;
    if (bytes.length < HEADER_BYTES + 5) return NEED_MORE;
    const protocolStatus = bytes[HEADER_BYTES + 4]!;
    if (open !== undefined) {
      state.responses.delete(id);
      open.protocolStatus = protocolStatus;
      sink.end(open);
    } else {
      sink.message({ role: MessageRole.response, id, parameters: NO_PARAMETERS, head: "", protocolStatus });
    }
    return total;
  }
  if (open !== undefined || type === Type.stderr || content === 0) return total;
  const end = HEADER_BYTES + Math.min(content, MAX_HEAD);
  if (bytes.length < end && !isCut) return NEED_MORE;
  const text = latin1(bytes, HEADER_BYTES, Math.min(end, bytes.length));
  const headEnd = /\r?\n\r?\n/.exec(text);
  const head = headEnd === null ? text : text.slice(0, headEnd.index + headEnd[0].length);
  const message = { role: MessageRole.response, id, parameters: NO_PARAMETERS, head, protocolStatus: 0 };
  makeRoom(state.responses, MAX_OPEN);
  state.responses.set(id, message);
  sink.begin(message);
  return total;
}

function classify(bytes: Uint8Array): Recognition {
  const wanted = [1, 1, undefined, undefined, 0, 8, undefined, undefined, 0, undefined, undefined, 0, 0, 0, 0, 0];
  const isBegin = wanted.every((byte, at) => byte === undefined || bytes[at] === undefined || bytes[at] === byte);
  if (isBegin) {
    if (bytes.length < 17) return Recognition.needMore;
    const role = bytes[9]!;
    const next = bytes[16];
    return role >= 1 && role <= 3 && bytes[10]! <= 1 && next === 1 ? Recognition.request : Recognition.no;
  }
  // The process's first words: a header of CGI.
  if (bytes[0] !== 1 || (bytes[1] ?? Type.stdout) !== Type.stdout) return Recognition.no;
  if (bytes.length <= HEADER_BYTES) return Recognition.needMore;
  const head = latin1(bytes, HEADER_BYTES, Math.min(bytes.length, HEADER_BYTES + 40));
  if (/^(?:Status|Content-[Tt]ype|X-Powered-By|Set-Cookie|Location|Cache-Control|Expires): /.test(head)) {
    return Recognition.response;
  }
  return head.includes("\n") || head.length >= 40 ? Recognition.no : Recognition.needMore;
}

export const fastcgi: Protocol<FastcgiMessage, FastcgiState> = {
  name: "fastcgi",
  networkProtocolName: "fastcgi",
  usualPorts: [9000],
  resyncsAtCallStart: true,

  recognize: (bytes, hint) => (hint.transport === "tcp" ? agreed(classify(bytes), hint.sender) : Recognition.no),

  createState: () => ({ requests: new Map(), responses: new Map() }),

  parse: (bytes, sender, state, sink) =>
    sender === Sender.client ? parseClient(bytes, state, sink) : parseServer(bytes, state, sink),

  /** Pages are written in one long call, of which only the beginning is captured. */
  parseCut: (bytes, sender, state, sink) =>
    sender === Sender.server ? Math.max(0, parseServer(bytes, state, sink, true)) : 0,

  findBoundary(bytes, from, sender) {
    const found = agreed(classify(bytes.subarray(from)), sender);
    return found === Recognition.request || found === Recognition.response ? from : -1;
  },

  resync(state, sender) {
    if (sender === Sender.client) state.requests.clear();
    else state.responses.clear();
  },

  carried: (message, key) => message.parameters.get(`HTTP_${key.toUpperCase().replaceAll("-", "_")}`),

  describe(session, view) {
    const { request, response } = session;
    if (request === undefined) return undefined;
    const { parameters } = request;
    const head = response?.head ?? "";
    const status = /^\d{3}/.exec(headerOf(head, ALL_INITIALS, "status") ?? "")?.[0];
    const header = (name: string): string | undefined =>
      parameters.get(name === "content-type" ? "CONTENT_TYPE" : `HTTP_${name.toUpperCase().replaceAll("-", "_")}`);
    const fields = describeHttp(
      {
        method: parameters.get("REQUEST_METHOD") ?? "GET",
        target: parameters.get("REQUEST_URI") ?? parameters.get("SCRIPT_NAME") ?? "/",
        authority: parameters.get("HTTP_HOST"),
        scheme: parameters.get("REQUEST_SCHEME") ?? (parameters.get("HTTPS") === "on" ? "https" : "http"),
        version: /^HTTP\/([\d.]+)$/.exec(parameters.get("SERVER_PROTOCOL") ?? "")?.[1] ?? "1.1",
        gateway: "fastcgi",
        // CGI (RFC 3875 section 6.3.3): no status is 200.
        statusCode:
          status !== undefined ? Number(status) : response === undefined || response.head === "" ? undefined : 200,
        incomplete: session.incomplete,
        requestBodySize: bodySizeOf(parameters.get("CONTENT_LENGTH")),
        responseBodySize: undefined,
        requestHeader: header,
        responseHeader: (name) => headerOf(head, ALL_INITIALS, name),
      },
      view,
    );
    const refused =
      response === undefined || response.protocolStatus === 0 ? undefined : STATUSES[response.protocolStatus];
    const script = parameters.get("SCRIPT_FILENAME");
    if (script !== undefined) fields.attributes.push(["sockspan.fastcgi.script", script.slice(0, 512)]);
    if (refused === undefined) return fields;
    fields.attributes.push(["error.type", refused]);
    return { ...fields, isError: true };
  },
};
